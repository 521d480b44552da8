"""Values over steps, branch by branch: kept, smoothed, windowed and thinned so that any stretch draws at once."""
