"""A real Slurm for the length of a test run: two nodes on this machine, loopback only."""

import contextlib
import getpass
import os
import re
import shutil
import socket
import subprocess
import time

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo", "srun")
UP_WITHIN, DOWN_WITHIN, JOB_WITHIN = 120, 60, 900  # seconds
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")

CONF = """\
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
KillWait=30
MinJobAge=3600
ReturnToService=2
MailProg=/bin/true
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 CoresPerSocket=4
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 CoresPerSocket=4
PartitionName=tests Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


def why_not():
    """Why no Slurm can be started here; None where it can."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        return f"no {missing[0]} here (Debian: slurmctld, slurmd, slurm-client)"
    if os.getuid() and socket.gethostbyname(socket.gethostname()) != "127.0.0.1":
        return "the host name is not 127.0.0.1, and only root can give the daemons another"
    return None


class Cluster:
    """slurmctld and two slurmd in a folder; ``with`` stops them.

    Parameters
    ----------
    folder : str
    """

    def __init__(self, folder):
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
        self.env["SLURM_CONF"] = os.path.join(folder, "slurm.conf")
        self._daemons = []

    def __enter__(self):
        for name in ("state", "spool/n1", "spool/n2"):
            os.makedirs(os.path.join(self.folder, name))
        with open(self.env["SLURM_CONF"], "w", encoding="utf-8") as file:
            file.write(CONF.format(folder=self.folder, user=getpass.getuser(), ports=free_ports(3)))
        try:
            for command in (["slurmctld", "-D"], *(["slurmd", "-D", "-N", n] for n in NODES)):
                self._start(command)
            self._wait(lambda: len(self.call("sinfo", "-hN", "-t", "idle").split("\n")) == 3)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.call("scancel", "--user", getpass.getuser())
            self._wait(lambda: not self.call("squeue", "-h"), DOWN_WITHIN)
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in self._daemons:
            try:
                daemon.wait(DOWN_WITHIN)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def call(self, *argv):
        """Output of a Slurm command."""
        done = subprocess.run(argv, env=self.env, check=True, capture_output=True, text=True)
        return done.stdout

    def submit(self, script, *argv):
        """Queue a job script; its number, or that of its array."""
        return re.findall(r"\d+", self.call("sbatch", *argv, script))[-1]

    def states(self, job):
        """State of the job, or of every task of its array."""
        return self.call("squeue", "-h", "-r", "-t", "all", "-j", job, "-o", "%T").split()

    def finished(self, job, within=JOB_WITHIN):
        """Wait for the end; the states."""
        self._wait(lambda: all(state in ENDED for state in self.states(job)), within)
        return self.states(job)

    def start_now(self, job):
        """A job that was put back is begun after two minutes; do not wait for them."""
        self._wait(lambda: self.states(job) == ["PENDING"])
        time.sleep(2)  # Slurm refuses to launch a job in the second in which it ended it
        self.call("scontrol", "update", f"JobId={job}", "StartTime=now")

    def facts(self, job):
        """What ``scontrol show job`` says of a job."""
        said = self.call("scontrol", "show", "job", "-o", job)
        return dict(word.split("=", 1) for word in said.split() if "=" in word)

    def wait_for_line(self, path, pattern, within=JOB_WITHIN):
        """Wait until a line of a log matches; the log so far."""
        try:
            self._wait(lambda: re.search(pattern, text_of(path), re.M), within)
        except AssertionError as error:
            raise AssertionError(f"no {pattern!r} in {path}:\n{text_of(path)}") from error
        return text_of(path)

    def _start(self, command):
        if not os.getuid():  # the daemons listen where their host name leads to
            command = ["unshare", "--uts", "sh", "-c", 'hostname localhost; exec "$@"', "sh",
                       *command]  # fmt: skip
        log = os.path.join(self.folder, f"daemon-{len(self._daemons)}.log")
        with open(log, "wb") as file:
            self._daemons.append(
                subprocess.Popen(command, env=self.env, stdout=file, stderr=subprocess.STDOUT)
            )

    def _wait(self, is_so, within=UP_WITHIN):
        end = time.monotonic() + within
        while time.monotonic() < end:
            with contextlib.suppress(subprocess.CalledProcessError):  # not up yet
                if is_so():
                    return
            for daemon in self._daemons:
                if daemon.poll() is not None:
                    raise AssertionError(f"a daemon of Slurm has ended, see {self.folder}")
            time.sleep(0.2)
        raise AssertionError(f"not within {within} s, see {self.folder}")


NODES = ("n1", "n2")


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def text_of(path):
    """Text of a file, empty as long as it is not there."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()
