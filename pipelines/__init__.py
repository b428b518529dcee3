"""Pictures, regions and requests: SPHINX chained with SAM and Stable Diffusion, without any widget."""
