"""An engine with its dashboard and the example suites, real XRootD in sandboxes, and copies of them that are broken."""

import pathlib
import shutil
import subprocess

from lab import Lab, free_port

ROOT = pathlib.Path(__file__).resolve().parents[4]


class DashboardLab(Lab):
    """A lab whose engine has a dashboard at `address`."""

    def __init__(self, programs):
        port = free_port()
        super().__init__(programs, configuration=f"[web]\nlisten = '127.0.0.1:{port}'\n")
        self.address = f"https://127.0.0.1:{port}"

    @property
    def authority(self):
        """The certificate of the engine's CA."""
        return self.state / "ca/ca.pem"

    def account(self, name, role, password):
        """Somebody who can log in."""
        command = [self.programs / "xrdtest-engine", "--config", self.folder / "engine.toml", "user", "add", name,
                   "--role", role, "--password-stdin"]
        done = subprocess.run(command, input=password + "\n", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done

    def record(self, run):
        """What the engine says of a run."""
        return self.ask("GET", f"/runs/{run}")["runs"][0]

    def example(self, suite, cluster):
        """An example suite and its cluster, as they are."""
        shutil.copytree(ROOT / "suites" / suite, self.definitions / "suites" / suite)
        shutil.copytree(ROOT / "clusters" / cluster, self.definitions / "clusters" / cluster)

    def copy(self, suite, name):
        """A copy of an example suite under another name."""
        home = self.definitions / "suites" / name
        shutil.copytree(ROOT / "suites" / suite, home)
        definition = (home / f"{suite}.rhai").read_text()
        (home / f"{suite}.rhai").unlink()
        (home / f"{name}.rhai").write_text(definition.replace(f'"{suite}"', f'"{name}"'))

    def add_line(self, script, below, line):
        """One more line in a script of a suite, below the first one that begins so."""
        file = self.definitions / "suites" / script
        lines = file.read_text().splitlines()
        at = next(number for number, text in enumerate(lines) if text.strip().startswith(below))
        file.write_text("\n".join([*lines[:at + 1], line, *lines[at + 1:]]) + "\n")
