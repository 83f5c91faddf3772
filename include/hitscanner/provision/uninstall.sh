# shellcheck shell=dash
# Stop k3s, end its containers, and remove what it left; what k3s-killall.sh and its uninstall
# script do.  /etc/rancher/node/password stays, as there.  Set before it: UNIT
set -u
systemctl disable --quiet "$UNIT" 2>/dev/null
timeout 60 systemctl stop "$UNIT" 2>/dev/null || systemctl kill --signal KILL "$UNIT"

descendants() {
    for child in $(ps -o pid= --ppid "$1"); do
        descendants "$child"
        echo "$child"
    done
}
# Containers outlive k3s (KillMode=process); a shim is known by the socket of k3s's containerd.
# shellcheck disable=SC2009 # pgrep would find this script, which is an argument of its shell
ps -e -o pid= -o args= | grep '[c]ontainerd-shim.*/run/k3s/' | while read -r shim _; do
    # shellcheck disable=SC2046 # a list of process ids
    kill -9 $(descendants "$shim") "$shim" 2>/dev/null
done
systemctl kill --kill-who=all --signal=KILL "$UNIT" 2>/dev/null

for folder in /run/k3s /var/lib/rancher/k3s /var/lib/kubelet; do
    awk -v folder="$folder/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort -r |
        while read -r mount; do umount -l "$mount"; done
done
for link in cni0 flannel.1 flannel-wg flannel-v6.1 kube-ipvs0; do
    ip link delete "$link" 2>/dev/null
done
for family in ip ip6; do nft delete table "$family" kube-proxy 2>/dev/null; done
rm -rf /etc/rancher/k3s /var/lib/rancher/k3s /run/k3s /var/lib/kubelet/* /etc/cni/net.d/*k3s*
rm -f "/etc/systemd/system/$UNIT"
systemctl daemon-reload
systemctl reset-failed "$UNIT" 2>/dev/null
exit 0
