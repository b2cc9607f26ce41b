#!/usr/bin/env bash
# image.sh FOLDER PACKAGE...: a Debian 12 for `make vm`, made once: root.img, vmlinuz and initrd.img in FOLDER.
#
# It has the kernel's own sound system (snd-aloop, snd-virmidi), systemd, udev, and the packages named: what README's
# service section asks for. It has no network. Root; about ten minutes, 2 GB. The agent in it answers the host's
# commands (agent.py), and `counter` plays the frame counter.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1; shift
root=$folder/root
mkdir -p "$folder"
rm -rf "$root"
unmount() { for at in dev/pts dev sys proc; do mountpoint -q "$root/$at" && umount -l "$root/$at"; done; true; }
trap unmount EXIT

debootstrap --variant=minbase \
  --include=systemd,systemd-sysv,udev,dbus,kmod,init,ca-certificates,sudo,adduser,procps,iproute2,util-linux,e2fsprogs,alsa-utils,python3,linux-image-amd64,initramfs-tools,zstd \
  bookworm "$root" ${RIGD_VM_MIRROR:-} >"$folder/debootstrap.log"
for at in proc sys dev dev/pts; do mount --bind "/$at" "$root/$at"; done
cp /etc/resolv.conf "$root/etc/resolv.conf"
[ -e /etc/ssl/certs/ca-certificates.crt ] && cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
# The network is this machine's while the packages are fetched; the machine itself never has one.
[ -s /etc/hosts ] && cp /etc/hosts "$root/etc/hosts"
inside() { DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$root" "$@"; }
inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends "$@" gcc libc6-dev >"$folder/packages.log"

cp "$here/counter.c" "$root/tmp/counter.c"
inside cc -O2 -o /usr/local/bin/counter /tmp/counter.c
install -m 755 "$here/agent.py" "$root/usr/local/sbin/vm-agent"
cat >"$root/etc/systemd/system/vm-agent.service" <<EOF
[Unit]
Description=answers the host's commands
[Service]
ExecStart=/usr/local/sbin/vm-agent
Restart=always
RestartSec=1
KillMode=process
[Install]
WantedBy=multi-user.target
EOF
inside systemctl -q enable vm-agent
inside systemctl -q mask apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service e2scrub_all.timer \
  systemd-timesyncd.service fstrim.timer dpkg-db-backup.timer
echo rig >"$root/etc/hostname"
printf '127.0.0.1 localhost rig\n' >"$root/etc/hosts"
printf 'virtio_pci\nvirtio_blk\next4\n' >>"$root/etc/initramfs-tools/modules"
sed -i 's/^MODULES=.*/MODULES=list/' "$root/etc/initramfs-tools/initramfs.conf"
inside update-initramfs -u >>"$folder/packages.log" 2>&1
mkdir -p "$root/share" "$root/srv/takes" "$root/var/log/journal"
printf 'snd-aloop\nsnd-virmidi\n' >"$root/etc/modules-load.d/rig.conf"
cat >"$root/etc/fstab" <<EOF
/dev/vda / ext4 defaults,noatime 0 1
LABEL=takes /srv/takes ext4 defaults,noatime,nofail 0 2
share /share 9p trans=virtio,version=9p2000.L,msize=262144,nofail 0 0
EOF
inside apt-get clean
rm -rf "$root"/var/lib/apt/lists/* "$root"/usr/share/doc "$root"/usr/share/locale "$root/tmp/counter.c"
cp "$root"/boot/vmlinuz-* "$folder/vmlinuz"
cp "$root"/boot/initrd.img-* "$folder/initrd.img"
unmount
rm -f "$folder/root.img.new"
truncate -s 4G "$folder/root.img.new"
mkfs.ext4 -q -L root -d "$root" "$folder/root.img.new"
rm -rf "$root"
mv "$folder/root.img.new" "$folder/root.img"
