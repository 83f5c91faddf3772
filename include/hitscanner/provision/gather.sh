# shellcheck shell=dash
# Look at a host and change nothing.  Sections begin with "@@ name"; facts_parse.py reads them.
# Set before it: MODULES SYSCTLS PACKAGES UNITS FILES SHOWN SERVER
set -u
section() { echo "@@ $1"; }
have() { command -v "$1" >/dev/null 2>&1; }

section os
cat /etc/os-release 2>/dev/null

section machine
uname -m
uname -r
hostname
cat /etc/machine-id 2>/dev/null || echo

section boot
cat /proc/sys/kernel/random/boot_id
sed 's/.*) //' /proc/1/stat | cut -d' ' -f20

section pid1
cat /proc/1/comm
grep CapBnd /proc/1/status

section cgroup
stat -f -c %T /sys/fs/cgroup
[ ! -d /sys/fs/cgroup/unified ] || echo unified

section clock
timedatectl show --property NTPSynchronized --value 2>/dev/null

section memory
nproc
grep MemTotal /proc/meminfo

section disk
folder=/var/lib/rancher
[ -d "$folder" ] || folder=/var/lib
df -P -m "$folder" | tail -n 1

section addresses
ip -o address show scope global | while read -r _ _ _ address _; do echo "${address%/*}"; done

section routes
ip -4 route show default
ip -6 route show default

section veth
for link in $({ ip -4 route show default; ip -6 route show default; } | sed -n 's/.* dev \([^ ]*\).*/\1/p' | sort -u); do
    have ethtool || continue
    ethtool -i "$link" 2>/dev/null | grep -q '^driver: veth' || continue
    ethtool -k "$link" 2>/dev/null | grep -q '^tx-checksumming: on' && echo "$link"
done

section modules
config=/boot/config-$(uname -r)
module() {
    if [ -d "/sys/module/$1" ]; then echo "$1 loaded"; return; fi
    if grep -q "/$1\.ko" "/lib/modules/$(uname -r)/modules.builtin" 2>/dev/null; then
        echo "$1 builtin"
        return
    fi
    option=CONFIG_$(echo "$2" | tr '[:lower:]' '[:upper:]')
    if { zcat /proc/config.gz 2>/dev/null || cat "$config" 2>/dev/null; } | grep -q "^$option=y"; then
        echo "$1 builtin"
    elif modprobe -n -q "$1" 2>/dev/null; then
        echo "$1 available"
    else
        echo "$1 missing"
    fi
}
for pair in $MODULES; do module "${pair%:*}" "${pair#*:}"; done

section sysctls
for key in $SYSCTLS; do
    value=$(cat "/proc/sys/$(echo "$key" | tr . /)" 2>/dev/null) && echo "$key=$value"
done

section packages
# shellcheck disable=SC2016,SC2086 # dpkg's own names; a list
dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n' $PACKAGES 2>/dev/null

section units
# shellcheck disable=SC2086 # a list
systemctl show --property Id,ActiveState,SubState,UnitFileState,LoadState $UNITS 2>/dev/null

section files
for file in $FILES; do
    [ -f "$file" ] || continue
    echo "$(sha256sum "$file" | cut -d' ' -f1) $(stat -c '%04a %U' "$file") $file"
done

section texts
for file in $SHOWN; do
    [ -f "$file" ] && [ "$(wc -c <"$file")" -lt 20000 ] || continue
    echo "$file $(base64 -w0 "$file")"
done

section listening
ss -H -l -n -t -u -p 2>/dev/null

section ufw
if have ufw; then ufw status 2>/dev/null | head -n 1; ufw show added 2>/dev/null; fi

section nft
nft list table inet hitscanner 2>/dev/null | wc -l

section server
if [ -n "$SERVER" ] && have bash; then
    # shellcheck disable=SC2016 # $1 is bash's
    said=$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/6443"' x "$SERVER" 2>&1)
    echo "$? $said"
fi

section k3s
[ ! -x /usr/local/bin/k3s ] || /usr/local/bin/k3s --version 2>/dev/null | head -n 1
[ ! -s /etc/rancher/node/password ] || echo node-password
[ ! -s /var/lib/rancher/k3s/agent/client-kubelet.crt ] || echo client-certificate

section applied
cat /var/lib/hitscanner/applied.json 2>/dev/null
section end
