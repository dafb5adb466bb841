#!/usr/bin/env python3
"""What scripts get to prove themselves with: the examples with a real XRootD that demands it, and what is refused.

    credentials.py --programs DIR
"""

import argparse
import json
import pathlib
import shutil
import subprocess

from lab import Lab, until, write_cluster, write_suite

ROOT = pathlib.Path(__file__).resolve().parents[4]
EXAMPLES = {"ts_004_sss": "cluster_004_sss", "ts_005_gsi": "cluster_005_gsi"}

# Says what each question is answered with: status and first line. The second case finds what the first one left.
ASKS = r"""#!/bin/bash
source /etc/XrdTest/utils/functions.sh
me=@slavename@
left=/mnt/lab/$XRDTEST_RUN.$me
[ "$XRDTEST_STAGE" = run ] || exit 0

ask() {
    local path=$1
    shift
    curl -sS --path-as-is -o answer -w "%{http_code} " "$@" "@proto@://master.xrd.test:@port@/$path"
    echo "$path: $(head -n 1 answer | tr -d '\0')"
}
request() { openssl req -new -newkey rsa:2048 -nodes -keyout key.pem -out "$1.csr" -subj "$2" "${@:3}" 2> said; }

get_ca_certificate "ca.$XRDTEST_CASE"
get_sss_keytable "keys.$XRDTEST_CASE"
request own "/CN=$me" -addext "subjectAltName=DNS:${me%%.*}"
get_signed_certificate own.csr "own.$XRDTEST_CASE"
openssl verify -CAfile "ca.$XRDTEST_CASE" "own.$XRDTEST_CASE"
cp "own.$XRDTEST_CASE" "$left.own"
cp "ca.$XRDTEST_CASE" "$left.ca"
cp "keys.$XRDTEST_CASE" "$left.keys"

if [ "$XRDTEST_CASE" = second ]; then
    cmp ca.first ca.second
    cmp keys.first keys.second
    openssl verify -CAfile ca.second own.first
    exit 1
fi

request other /CN=m1.xrd.test -addext subjectAltName=DNS:m2.xrd.test
ask getSignedCertificate --data-binary @other.csr
request root /CN=root
ask getSignedCertificate --data-binary @root.csr
request engine "/CN=$me" -addext subjectAltName=URI:xrdtest:engine
ask getSignedCertificate --data-binary @engine.csr
ask getSignedCertificate --data-binary @key.pem
ask getSignedCertificate
head -c 100000 /dev/zero > zeros
ask getSignedCertificate --data-binary @zeros
(cat own.csr | head -n -2; head -c 20000 /dev/urandom | base64; tail -n 1 own.csr) > long.csr
ask getSignedCertificate --data-binary @long.csr
# The form of the manual: whose name it gives does not matter.
ask getSignedCertificate -F slave_name=m2.xrd.test -F csr=@own.csr
openssl x509 -in answer -noout -subject
ask getTrustedCACertificate -d x
ask getTrustedCACertificate/../../etc/passwd
ask downloadScript/../engine/trust
ask downloadScript/%2e%2e/engine/trust/ca.pem
ask showScript/trust/sss.keytab
echo there > "$left.first"
wait_for 100 test -e /mnt/lab/go
"""

ANSWERS = (
    "403 getSignedCertificate: `{other}` in {place} is not this machine's; {me} may ask for {me}, {short}, ",
    "403 getSignedCertificate: `root` in CN is not this machine's",
    "403 getSignedCertificate: subjectAltName has URI(xrdtest:engine); only names and addresses",
    "400 getSignedCertificate: there is no certificate signing request (PEM) in the body",
    "405 getSignedCertificate: send a certificate signing request: use POST",
    "413 getSignedCertificate: a certificate signing request has at most 16 KiB",
    "413 getSignedCertificate: a certificate signing request has at most 16 KiB",
    "200 getSignedCertificate: -----BEGIN CERTIFICATE-----",
    "subject=CN = {me}",
    "405 getTrustedCACertificate: files can only be read here: use GET",
    "404 getTrustedCACertificate/../../etc/passwd: there is nothing here",
    "400 downloadScript/../engine/trust: `../engine/trust` is no path",
    "400 downloadScript/%2e%2e/engine/trust/ca.pem: `../engine/trust/ca.pem` is no path",
    "404 showScript/trust/sss.keytab: `trust/sss.keytab` is not in the repository",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    with Lab(args.programs) as lab:
        for suite, cluster in EXAMPLES.items():
            shutil.copytree(ROOT / "suites" / suite, lab.definitions / "suites" / suite)
            shutil.copytree(ROOT / "clusters" / cluster, lab.definitions / "clusters" / cluster)
        write_cluster(lab.definitions, "two", 2, 211)
        write_suite(lab.definitions, "asks", "two", ["first", "second"], ASKS, kinds=("run",))
        lab.start()
        trial(lab)


def trial(lab):
    runs = [lab.submit(suite) for suite in EXAMPLES]
    run = lab.ask("POST", "/runs", {"suite": "asks", "keep_on_failure": True})["run"]
    machines = ["m1.xrd.test", "m2.xrd.test"]
    left = {machine: lab.shared / f"{run}.{machine}" for machine in machines}
    until("both have asked", lambda: all(path.with_name(path.name + ".first").exists() for path in left.values()))
    keys = lab.state / "trust" / run
    assert keys.stat().st_mode & 0o777 == 0o700 and all(file.stat().st_mode & 0o777 == 0o600 for file in keys.iterdir())
    # What a run believes in outlives the engine.
    lab.kill_engine()
    lab.start_engine()
    (lab.shared / "go").touch()
    until("all runs are over", lambda: lab.ask("GET", "/status") and not lab.unfinished())
    for example, suite in zip(runs, EXAMPLES):
        record = lab.ask("GET", f"/runs/{example}")["runs"][0]
        assert record["verdict"] == "passed", json.dumps(record, indent=1)
    record = lab.ask("GET", f"/runs/{run}")["runs"][0]
    failed = [(stage["case"], stage["machine"]) for stage in record["stages"] if stage["outcome"] == "failed"]
    assert failed == [("second", machine) for machine in machines], json.dumps(record, indent=1)
    answers(record)
    assert same(left, "ca") and same(left, "keys"), "one CA and one key for all machines of a run"
    after(lab, run, left["m1.xrd.test"])


def answers(record):
    """What the first case was answered, in its order."""
    for stage in record["stages"]:
        if (stage["case"], stage["stage"]) != ("first", "run"):
            continue
        me = stage["machine"]
        other, place = ("m2.xrd.test", "subjectAltName") if me.startswith("m1") else ("m1.xrd.test", "CN")
        rest = stage["output"]
        for line in ANSWERS:
            line = line.format(me=me, short=me.split(".")[0], other=other, place=place)
            assert line in rest, f"{line}\n{rest}\n{stage['output']}"
            rest = rest.split(line, 1)[1]


def same(left, kind):
    return len({path.with_name(f"{path.name}.{kind}").read_bytes() for path in left.values()}) == 1


def after(lab, run, left):
    """Machines that are kept when their run is over, and those of a cluster that was started by hand, get nothing."""
    def asks(instance, path):
        root = ["runc", "--root", f"/run/xrdtest-sandbox/{instance}/runc"]
        machine = subprocess.run([*root, "list", "-q"], capture_output=True, text=True, check=True).stdout.split()[0]
        ask = [*root, "exec", machine, "curl", "-sS", "-w", " %{http_code}", f"http://master.xrd.test:8080/{path}"]
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout

    until("it is kept", lambda: lab.ask("GET", f"/instances/{run}.0"))
    until("the agent is back", lambda: lab.status()["hypervisors"] == 1)
    until("its CA is gone", lambda: not list((lab.state / "trust").iterdir()))
    for path in ("getTrustedCACertificate", "getSSSKeytable"):
        said = asks(f"{run}.0", path)
        assert said.endswith(" 403") and "the run is over" in said, said
    assert not list((lab.state / "trust").iterdir())
    log = (lab.folder / "engine.log").read_text()
    for words in ("a machine asks for a certificate", "a machine was refused a certificate", "the run is over"):
        assert words in log, words
    # What the engine is not asked for at all is in the log of the agent that was asked.
    log = (lab.folder / "hypervisor.log").read_text()
    for words in ("`../engine/trust/ca.pem` is no path", "there is no certificate signing request"):
        assert words in log, words
    lab.ask("DELETE", f"/instances/{run}.0")
    by_hand = lab.ask("POST", "/instances", {"cluster": "two"})["instance"]
    until("it is up", lambda: lab.ask("GET", f"/instances/{by_hand}")["state"]["constant"] == "S_ACTIVE")
    said = asks(by_hand, "getTrustedCACertificate")
    assert said.endswith(" 403") and "started by hand" in said, said
    lab.ask("DELETE", f"/instances/{by_hand}")
    # Another run believes in another CA.
    (lab.shared / "go").touch()
    other = lab.submit("asks")
    lab.settle()
    ca = lab.shared / f"{other}.m1.xrd.test.ca"
    verified = subprocess.run(["openssl", "verify", "-CAfile", ca, f"{left}.own"], capture_output=True, text=True)
    assert verified.returncode != 0, verified.stdout
    assert (lab.shared / f"{other}.m1.xrd.test.keys").read_bytes() != pathlib.Path(f"{left}.keys").read_bytes()


if __name__ == "__main__":
    main()
