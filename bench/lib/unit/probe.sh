# Asks systemd and the daemon how it goes, and writes what they say to FOLDER/said, as NAME=VALUE.
# Called as: probe.sh FOLDER
folder=$1
exec > "$folder/said" 2> "$folder/errors"
ask() {
    systemctl show haul --property="$1" --value
}
call() {
    curl -s --noproxy '*' http://127.0.0.1:6800/jsonrpc -d '{"id":1,"method":"aria2.'"$1"'","params":["token:'"$secret"'"'"$2"']}'
}
until_true() {
    for _ in $(seq 100); do
        eval "$1" && return
        sleep 0.1
    done
}
echo "state=$(ask ActiveState)"
echo "user=$(ask User)"
first=$(ask MainPID)
sed -n 's/^\(CapEff\|NoNewPrivs\|Seccomp\):\t/\1=/p' "/proc/$first/status"
ip link set lo up
secret=$(cat /var/lib/haul/rpc-secret)
(cd "$folder/served" && exec python3 -m http.server --bind 127.0.0.1 8000) > /dev/null 2>&1 &
until_true 'curl -s --noproxy "*" -o /dev/null http://127.0.0.1:8000/'
call addUri ',["http://127.0.0.1:8000/file"],{"gid":"00000000000000aa"}' > /dev/null
until_true 'call tellStatus ",\"00000000000000aa\",[\"status\"]" | grep -q complete'
cmp /srv/haul/file "$folder/served/file" && echo "file=right"
echo "elsewhere=$(call addUri ',["http://127.0.0.1:8000/file"],{"dir":"/etc"}')"
kill -9 "$first"
until_true '[ "$(ask NRestarts)" = 1 ] && [ "$(ask ActiveState)" = active ]'
echo "restarted=$(ask ActiveState)"
echo "kept=$(call tellStopped ',0,9,["status"]')"
systemctl stop haul
echo "stopped=$(ask ActiveState) $(ask Result)"
mv "$folder/said" "$folder/all"
systemctl exit --force --force
