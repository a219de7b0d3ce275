"""The example does what its scenario says."""
import pathlib
import subprocess
import sys
import tempfile

tonus, plugin = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
source = pathlib.Path(sys.argv[3]).resolve()

with tempfile.TemporaryDirectory() as folder:
    config = pathlib.Path(folder) / "tonus.yaml"
    config.write_text(
        f"core: {{signals: {source}/config/signals.yaml, drugs: {source}/config/drugs.yaml}}\n"
        f"plugins:\n  - path: {plugin}\n    settings: {{rise_percent: 40}}\n")
    run = [tonus, "--config", config, "scenario", "run", source / "examples/detector/heart_rate_rise.yaml"]
    sys.exit(subprocess.run(run, check=False).returncode)
