"""Inpainters: a diffusion pipeline, and OpenCV where there is none.

    holes.py        which pixels an edit may change: functions of masks only
    cropping.py     the part of the picture that is painted, and pasting it back
    color.py        matching a painting to its surroundings, and recolouring
    opencv.py       removing and recolouring without a model
    diffusion.py    diffusers' inpainting pipeline
    choosing.py     which inpainter an edit of a picture is for
    verification.py whether pixels say that a removal came true

Nothing is imported here, since masks alone need no torch.
"""
