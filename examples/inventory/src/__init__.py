"""An inventory of virtual machines: load, list, summarise, report."""
