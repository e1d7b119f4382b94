"""What this project does itself: engines alone, whole studies, optimizers, curvature."""
