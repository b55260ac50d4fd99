"""`python -m am4cm_cli`."""

from am4cm_cli.entry import main

# Processes that are started for --dask import this file under another name.
if __name__ == "__main__":
    main()
