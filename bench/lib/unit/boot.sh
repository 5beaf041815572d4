# Boots systemd with the daemon's unit and a probe, in namespaces of its own: what is mounted, run
# or opened here is not seen by the rest of the machine, and ends with this process.
# Called as: boot.sh HAUL UNIT FOLDER
set -eu
haul=$1 unit=$2 folder=$3
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
umount -R /sys/fs/cgroup 2> /dev/null || true
mount -t cgroup2 none /sys/fs/cgroup

# The program at its place, its user, and its folders.
mkdir -p /run/over /run/systemd/system/haul.service.d
mount -t tmpfs tmpfs /run/over
mkdir /run/over/upper /run/over/work
mount -t overlay overlay -o lowerdir=/usr/bin,upperdir=/run/over/upper,workdir=/run/over/work /usr/bin
cp "$haul" /usr/bin/haul
for name in passwd group; do
    cp /etc/$name /run/over/$name
done
echo 'haul:x:64999:64999::/var/lib/haul:/usr/sbin/nologin' >> /run/over/passwd
echo 'haul:x:64999:' >> /run/over/group
for name in passwd group; do
    mount --bind /run/over/$name /etc/$name
done
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /srv
mkdir /srv/haul
chown 64999:64999 /srv/haul

# The unit as it is, but nothing else of the system is started.
units=/run/systemd/system
cp "$unit" $units/haul.service
printf '[Unit]\nDefaultDependencies=no\n' > $units/haul.service.d/alone.conf
ln -s /dev/null $units/network-online.target
printf '[Unit]\nDefaultDependencies=no\nRequires=haul.service probe.service\n' > $units/probe.target
printf '[Unit]\nDefaultDependencies=no\nAfter=haul.service\n[Service]\nType=oneshot\nExecStart=/bin/bash %s/probe.sh %s\n' \
    "$(dirname "$0")" "$folder" > $units/probe.service
exec env -i container=bench PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=probe.target --log-target=console
