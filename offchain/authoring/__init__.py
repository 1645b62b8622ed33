"""Writing agents: projects, bundles, deployment, and running them on this machine as a worker would."""
