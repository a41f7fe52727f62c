#include "boot/guest_script.hpp"

namespace compose::boot {

const char* const guest_unit = R"SH([Unit]
Description=Describe this host to the boot test

[Service]
Type=simple
ExecStart=/bin/bash /etc/atomic-compose-boot-test/describe

[Install]
WantedBy=multi-user.target
)SH";

const char* const guest_script = R"SH(#!/bin/bash
# Describes this host to the boot test on the second serial port: "fact NAME VALUE" lines between "begin" and "end".
cd /etc/atomic-compose-boot-test || exit
. ./settings
stty -F /dev/ttyS1 raw -echo 2>/dev/null
exec >/dev/ttyS1
export LC_ALL=C

fact() { printf 'fact %s\n' "$*"; }
each_line() { while IFS= read -r line; do printf '%s %s\n' "$1" "$line"; done; }
uptime() { cut -d ' ' -f 1 /proc/uptime; }
whole_uptime() { cut -d . -f 1 /proc/uptime; }
inspect() { "$runtime" container inspect -f "$2" "$1" 2>&1; }

count_boots() {
  mkdir -p /var/lib/atomic-compose-boot-test
  boot=$(($(cat /var/lib/atomic-compose-boot-test/boots 2>/dev/null || echo 0) + 1))
  echo "$boot" >/var/lib/atomic-compose-boot-test/boots
}

# The control plane's last word: how often an agent has registered, whether there is time to wait, and whether something
# is left to be done from outside.
ask() {
  host=${url#http://} port=${url##*:}
  timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET /guest HTTP/1.0\r\n\r\n" >&3 && tail -n 1 <&3' \
    "${host%:*}" "$port" 2>/dev/null
}

# The host knows whether this guest is slow or stuck; where it cannot be reached our own clock has to do.
is_late() {
  read -r seen word next < <(ask)
  [ "$word" = report ] || { [ -z "$word" ] && [ "$(whole_uptime)" -ge "$patience" ]; }
}

wait_for_system() {
  until state=$(timeout 10 systemctl is-system-running --wait); [ -n "$state" ] || is_late; do :; done
  [ -n "$state" ] || state=$(systemctl is-system-running)
}

agent_is_up() {
  [ "$registers" != yes ] || [ "${seen:-0}" -ge "$boot" ] || return
  [ -z "$unit" ] || systemctl -q is-active "$unit" || return
  [ -z "$container" ] || [ "$(inspect "$container" '{{.State.Running}}')" = true ]
}

wait_for_agent() {
  until is_late; do
    agent_is_up && return
    sleep 2
  done
}

# Each line of the file is asked until it holds, or time is over.
wait_for_assertions() {
  number=0
  while IFS= read -r assertion; do
    number=$((number + 1))
    while :; do
      output=$(timeout 60 bash -c "$assertion" </dev/null 2>&1)
      code=$?
      if [ "$code" = 0 ] || is_late; then break; fi
      sleep 2
    done
    fact assertion "$number $code $(printf '%s' "$output" | tail -n 3 | tr '\n' ' ')"
  done <assertions
  code=
}

wait_for_outside() {
  until is_late || [ "$next" = go ]; do sleep 1; done
}

describe_system() {
  fact cmdline "$(cat /proc/cmdline)"
  fact system-state "$state"
  systemctl list-units --failed --plain --no-legend | each_line 'fact failed-unit'
  journalctl -b -o cat _PID=1 | grep -i 'ordering cycle' | each_line 'fact ordering-cycle'
  ostree admin status 2>&1 | each_line 'fact status'
  fact datasource "$(cat /run/cloud-init/cloud-id 2>&1)"
  cut -d : -f 6 /etc/passwd | sort -u | while IFS= read -r home; do
    grep -qsxF "$public_key" "$home/.ssh/authorized_keys" && fact authorized "$home"
  done
}

describe_directories() {
  while IFS= read -r path; do
    if [ -d "$path" ]; then fact directory "$(stat -c '%a %U:%G %n' "$path")"; else fact directory missing - "$path"; fi
  done <directories
  for path in /usr /sysroot /etc /var; do
    if (: >"$path/.boot-test") 2>/dev/null; then
      rm -f "$path/.boot-test"
      fact writable "$path"
    else
      fact read-only "$path"
    fi
  done
}

describe_disk() {
  partition=/sys/class/block/$(basename "$(readlink -f "$(findmnt -nvo SOURCE /sysroot)")")
  fact filesystem-bytes "$(df -B1 --output=size /sysroot | tail -n 1 | tr -d ' ')"
  fact partition-start-bytes $(($(cat "$partition/start") * 512))
  fact partition-bytes $(($(cat "$partition/size") * 512))
  fact disk-bytes $(($(cat "$partition/../size") * 512))
}

# "host" when the unit's main process is in no container: it shares the first process's view of processes and files.
describe_unit() {
  [ -n "$unit" ] || return
  process=/proc/$(systemctl show -p MainPID --value "$unit")
  where=elsewhere
  if [ "$process/ns/pid" -ef /proc/1/ns/pid ] && [ "$process/root" -ef /proc/1/root ]; then where=host; fi
  fact agent-unit "$(systemctl is-active "$unit") $where $(readlink "$process/exe")"
}

describe_agent() {
  describe_unit
  [ -n "$container" ] || return
  fact agent "$(inspect "$container" '{{.State.Running}} {{.HostConfig.Privileged}} {{.HostConfig.NetworkMode}}')"
}

# open when anything at all answers an HTTP request.
reach() {
  if timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET %s HTTP/1.0\r\n\r\n" "$2" >&3 && read -r -t 8 <&3' \
    "$2" "$3" "$4" 2>/dev/null; then echo "$1 open"; else echo "$1 closed"; fi
}

reach_from_host() {
  [ "$rules" = yes ] || return
  {
    reach introspection 127.0.0.1 51678 /v1/metadata
    reach credentials 127.0.0.1 51679 /v2/credentials/x
    reach task-credentials 169.254.170.2 80 /v2/credentials/x
  } | each_line 'fact from-host'
}

# In the container, which has no programs but the host's. Its gateway is the host's end of the bridge.
probes() {
  declare -f reach
  echo "control_plane=$url boot=$boot rules=$rules"
  cat <<'END'
while read -r _ to gateway _; do # in hexadecimal, the last byte first
  [ "$to" = 00000000 ] || continue
  host=$((16#${gateway:6:2})).$((16#${gateway:4:2})).$((16#${gateway:2:2})).$((16#${gateway:0:2}))
done </proc/net/route
address=${control_plane#http://}
reach control-plane "${address%:*}" "${address##*:}" "/probe/$boot"
reach metadata 169.254.169.254 80 /
[ "$rules" = yes ] || exit 0
reach introspection "$host" 51678 /v1/metadata
reach credentials "$host" 51679 /v2/credentials/x
reach task-credentials 169.254.170.2 80 /v2/credentials/x
END
}

run_ordinary_container() {
  [ -n "$image" ] || return
  "$runtime" rm -f boot-test-probe >/dev/null 2>&1
  options=(--volume=/usr:/usr:ro --volume=/usr/lib:/lib:ro --env=PATH=/usr/bin --entrypoint=/usr/bin/bash)
  [ ! -d /usr/lib64 ] || options+=(--volume=/usr/lib64:/lib64:ro)
  [ ! -d /sys/fs/selinux/class ] || options+=(--security-opt=label=disable) # it may not read the host's programs
  output=$(timeout 120 "$runtime" run --pull=never --name=boot-test-probe "${options[@]}" "$image" -c "$(probes)" 2>&1)
  code=$?
  fact probe-exit $code
  printf '%s\n' "$output" | grep -E '^[a-z-]+ (open|closed)$' | each_line 'fact from-container'
  printf '%s\n' "$output" | grep -vE '^[a-z-]+ (open|closed)$' | tail -n 5 | each_line 'fact probe-output'
  fact probe "$(inspect boot-test-probe '{{.HostConfig.Privileged}} {{.HostConfig.NetworkMode}} {{.AppArmorProfile}}')"
  fact apparmor "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null || echo N)"
  "$runtime" rm -f boot-test-probe >/dev/null 2>&1
}

# For people, where it can be seen from here that a check will fail.
diagnose() {
  [ "$state" = running ] && agent_is_up && [ "${code:-0}" = 0 ] && [ "$word" != report ] && return
  {
    systemctl --failed --no-pager
    "$runtime" ps -a
    [ -z "$container" ] || "$runtime" logs --tail 40 "$container"
    [ -z "$unit" ] || systemctl status --no-pager -n 40 "$unit"
    systemctl list-jobs --no-pager
    journalctl -b --no-pager -o short-monotonic -p warning -n 60
  } 2>&1 | each_line log
}

deploy_again() {
  [ "$boot" = 1 ] && [ -n "$deploy_rev" ] || return
  output=$(ostree admin deploy --os="$deploy_os" --karg-append=atomic-compose.boot-test=2 "$deploy_rev" 2>&1)
  code=$?
  fact deploy-exit $code
  printf '%s\n' "$output" | tail -n 5 | each_line 'fact deploy-output'
  reboot=yes
}

# What the remote verifies stays as the image has it.
upgrade_from() {
  sed -i "s|^url=.*|url=$1|" "/etc/ostree/remotes.d/$upgrade_remote.conf"
  output=$(timeout 600 ostree admin upgrade 2>&1)
  code=$?
}

deployments() { ostree admin status 2>/dev/null | grep -cE ' [0-9a-f]{64}\.[0-9]+'; }

upgrade() {
  number=0
  while IFS= read -r address; do
    number=$((number + 1))
    upgrade_from "$address" </dev/null
    fact refused "$number $code $(deployments) $(printf '%s' "$output" | tail -n 3 | tr '\r\n' '  ')"
  done <refused
  upgrade_from "$upgrade_url"
  fact upgrade-exit $code
  printf '%s\n' "$output" | tr '\r' '\n' | tail -n 5 | each_line 'fact upgrade-output'
  reboot=yes
}

# To the other deployment. Before libostree 2023.6 there was no set-default.
go_back() {
  if ! output=$(ostree admin set-default 1 2>&1); then
    previous=$(ostree admin status | grep -oE '[0-9a-f]{64}\.[0-9]+ \(rollback\)' | cut -d ' ' -f 1)
    output=$(ostree admin deploy --os="$deploy_os" --origin-file="/ostree/deploy/$deploy_os/deploy/$previous.origin" \
      "${previous%.*}" 2>&1)
  fi
  fact rollback-exit $?
  printf '%s\n' "$output" | tail -n 5 | each_line 'fact rollback-output'
  reboot=yes
}

change_system() {
  if [ -z "$upgrade_url" ]; then
    deploy_again
  elif [ "$boot" = 1 ]; then
    upgrade
  elif [ "$boot" = 2 ]; then
    go_back
  fi
}

count_boots
printf 'begin %s %s\n' "$boot" "$(uptime)"
wait_for_system
wait_for_agent
wait_for_assertions
describe_system
describe_directories
describe_disk
describe_agent
reach_from_host
run_ordinary_container
wait_for_outside
diagnose
change_system
printf 'end %s %s\n' "$boot" "$(uptime)"
[ -z "$reboot" ] || systemctl reboot
)SH";

}  // namespace compose::boot
