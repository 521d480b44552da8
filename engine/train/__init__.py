"""The run and its loop; in the folders, what commands do to it, what is measured, watched for and fitted."""
