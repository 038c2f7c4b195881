"""What ``benchmarks/on_gpu.py`` runs, one part a file."""
