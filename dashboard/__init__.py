"""HTTP and pixels: pages that read the service and nothing else."""
