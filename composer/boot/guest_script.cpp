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
inspect() { docker inspect -f "$2" "$1" 2>&1; }

count_boots() {
  mkdir -p /var/lib/atomic-compose-boot-test
  boot=$(($(cat /var/lib/atomic-compose-boot-test/boots 2>/dev/null || echo 0) + 1))
  echo "$boot" >/var/lib/atomic-compose-boot-test/boots
}

# The control plane's last word: how often an agent has registered, and whether there is time to wait.
ask() {
  host=${url#http://} port=${url##*:}
  timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET /guest HTTP/1.0\r\n\r\n" >&3 && tail -n 1 <&3' \
    "${host%:*}" "$port" 2>/dev/null
}

# The host knows whether this guest is slow or stuck; where it cannot be reached our own clock has to do.
is_late() {
  read -r seen word < <(ask)
  [ "$word" = report ] || { [ -z "$word" ] && [ "$(whole_uptime)" -ge "$patience" ]; }
}

wait_for_system() {
  until state=$(timeout 10 systemctl is-system-running --wait); [ -n "$state" ] || is_late; do :; done
  [ -n "$state" ] || state=$(systemctl is-system-running)
}

wait_for_agent() {
  until is_late; do
    [ "${seen:-0}" -ge "$boot" ] && [ "$(inspect "$container" '{{.State.Running}}')" = true ] && return
    sleep 2
  done
}

describe_system() {
  fact cmdline "$(cat /proc/cmdline)"
  fact system-state "$state"
  systemctl list-units --failed --plain --no-legend | each_line 'fact failed-unit'
  journalctl -b -o cat _PID=1 | grep -i 'ordering cycle' | each_line 'fact ordering-cycle'
  ostree admin status 2>&1 | each_line 'fact status'
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

describe_agent() {
  fact agent "$(inspect "$container" '{{.State.Running}} {{.HostConfig.Privileged}} {{.HostConfig.NetworkMode}}')"
}

run_ordinary_container() {
  [ -n "$image" ] || return
  docker rm -f boot-test-probe >/dev/null 2>&1
  output=$(timeout 120 docker run --pull=never --name boot-test-probe "$image" probe "$url/probe/$boot" 2>&1)
  code=$?
  fact probe-exit $code
  printf '%s\n' "$output" | tail -n 5 | each_line 'fact probe-output'
  fact probe "$(inspect boot-test-probe '{{.HostConfig.Privileged}} {{.HostConfig.NetworkMode}} {{.AppArmorProfile}}')"
  fact apparmor "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null || echo N)"
  docker rm -f boot-test-probe >/dev/null 2>&1
}

# For people, where it can be seen from here that a check will fail.
diagnose() {
  [ "$state" = running ] && [ "${seen:-0}" -ge "$boot" ] && [ "${code:-0}" = 0 ] && return
  {
    systemctl --failed --no-pager
    docker ps -a
    docker logs --tail 40 "$container"
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

count_boots
printf 'begin %s %s\n' "$boot" "$(uptime)"
wait_for_system
wait_for_agent
describe_system
describe_directories
describe_disk
describe_agent
run_ordinary_container
diagnose
deploy_again
printf 'end %s %s\n' "$boot" "$(uptime)"
[ -z "$reboot" ] || systemctl reboot
)SH";

}  // namespace compose::boot
