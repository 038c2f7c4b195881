"""The page that shows explanations: its HTML, CSS and JavaScript, and the data it reads."""
