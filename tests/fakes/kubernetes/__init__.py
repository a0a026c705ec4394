"""A fake Kubernetes cluster: what it holds (``cluster``), its rollouts, its refusals, and its HTTP server."""
