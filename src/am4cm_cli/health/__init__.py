"""Whether an installation is whole: what `am4cm doctor` looks at."""
