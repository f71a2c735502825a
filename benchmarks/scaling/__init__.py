"""How soon replicas are there when they are needed, by simulation of Kubernetes."""
