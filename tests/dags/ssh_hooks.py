"""
Log in by Airflow's own SSH hook to connections named on the command line; JSON on standard output.

It runs in a process of its own: Airflow changes warnings, logging and the environment on import.
"""

import json
import sys


def main(names: list[str]) -> None:
    from airflow.providers.ssh.hooks.ssh import SSHHook

    answers = {}
    for name in names:
        try:
            with SSHHook(ssh_conn_id=name, conn_retry_attempts=1).get_conn() as client:
                _, out, _ = client.exec_command("id -un; echo $0")
                answers[name] = out.read().decode().split()[0]
        except Exception as error:  # noqa: BLE001 what it says is what the test looks at
            answers[name] = f"{type(error).__name__}: {error}"
    print("ANSWERS " + json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1:])
