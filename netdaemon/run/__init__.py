"""The tree at run time: the daemon, its doors and gates, what it logs, counts and tells the system."""
