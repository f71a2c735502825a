"""What is checked of Kubernetes manifests before any cluster sees them."""
