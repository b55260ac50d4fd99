"""`python -m am4cm_cli`."""

from am4cm_cli.app import main

main()
