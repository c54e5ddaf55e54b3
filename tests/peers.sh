#!/bin/sh
# Install the Debian packages named, where they are missing and this user may install. Never fails: the tests
# that want a missing program are skipped by name, and fail only where NETDAEMON_PEERS=required (CI).
missing=
for package in "$@"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || { echo "peers: no apt-get here; not installed:$missing" >&2; exit 0; }
if [ "$(id -u)" = 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo=sudo; else
  echo "peers: not root; some tests are skipped without:$missing" >&2; exit 0
fi
echo "peers: installing$missing"
# There are servers among them, which must not begin to serve this machine: tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null && $sudo chmod 755 "$policy"
  trap '$sudo rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$sudo apt-get -qq update >/dev/null && $sudo apt-get -qq install -y --no-install-recommends $missing >/dev/null \
  || echo "peers: could not install:$missing" >&2
