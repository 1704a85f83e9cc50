"""What Git, dvc.yaml and dvc.lock say of results: which inputs they belong to."""
