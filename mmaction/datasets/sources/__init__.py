"""Where frames come from: directories, packs, video files."""
