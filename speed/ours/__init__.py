"""What this project does itself: engines alone, whole studies, everything but training."""
