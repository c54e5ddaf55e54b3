"""The servers that are measured: ours and its peers, each with a configuration as fair as ours."""
