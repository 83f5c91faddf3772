# shellcheck shell=dash
# Read the certificates of a host, on disk and over TLS, and change nothing; keys are not read.
# certificates.py reads the sections.  Set before it: SPOOL JOB
set -u
section() { echo "@@ $1"; }

section files
for folder in /var/lib/rancher/k3s/server/tls /var/lib/rancher/k3s/agent; do
    for file in "$folder"/*.crt "$folder"/etcd/*.crt; do
        if [ -f "$file" ]; then echo "== $file" && cat "$file"; fi
    done
done

section endpoints
for port in 6443 10250; do
    echo "== $port"
    timeout 10 openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null |
        openssl x509 2>/dev/null
done

section busy
busy=0
for lease in "$SPOOL"/leases/*.lease; do
    [ -e "$lease" ] && ! flock -n "$lease" true && busy=$((busy + 1))
done
echo "$busy"

section job
systemctl show --property ActiveState --value "$JOB" 2>/dev/null
section end
