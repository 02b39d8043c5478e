#!/bin/sh
# Installs a package, tries it, upgrades it and removes it. usage: try.sh deb|rpm DIRECTORY VERSION PROGRAM
#
# It changes the system, so system_packages.py runs it in an overlay. A Debian package is DIRECTORY/package.deb. Of an RPM
# package, which needs no rpm here, DIRECTORY has the files in files.tar, and the scripts.
set -eu
kind=$1 directory=$2 version=$3 program=/$4
settings=/etc/genesys-rotator
link=/etc/systemd/system/timers.target.wants/genesys-rotator.timer
# The programs of a distribution may not be in the PATH of the caller.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

fail() {
  echo "$1" >&2
  exit 1
}

# The engine: only a file.
if [ "$program" != /usr/bin/genesys-rotator ]; then
  dpkg -i "$directory/package.deb"
  case $("$program" --version) in *" v$version") ;; *) fail 'another version runs' ;; esac
  dpkg --purge "${program##*/}"
  [ ! -e "$program" ] || fail 'the removal leaves the program'
  exit
fi

case $kind in
  deb)
    install_package() { dpkg -i "$directory/package.deb"; }
    upgrade_package() { install_package; }
    remove_package() { dpkg -r genesys-rotator; }
    ;;
  rpm)
    install_package() { tar -C / -xf "$directory/files.tar" && sh "$directory/postinst" 1; }
    # rpm runs the script of the new package first, and then those of the old one.
    upgrade_package() { sh "$directory/postinst" 2 && sh "$directory/prerm" 1 && sh "$directory/postrm" 1; }
    remove_package() { sh "$directory/prerm" 0 && rm /usr/bin/genesys-rotator && sh "$directory/postrm" 0; }
    ;;
esac

said=$(install_package)
case $said in
  *'systemctl enable --now genesys-rotator.timer'*) ;;
  *) fail "the installation does not say what to do next: $said" ;;
esac
case $(genesys-rotator --version) in "genesys-rotator $version "*) ;; *) fail 'another version runs' ;; esac
genesys-rotator demo >/dev/null
[ "$(stat -c '%a %U' $settings/environment)" = '600 root' ] || fail 'others may read the environment'
[ "$(getent passwd genesys-rotator | cut -d: -f6)" = /var/lib/genesys-rotator ] || fail 'the user is missing'
[ ! -e $link ] || fail 'the installation enables the timer'
if command -v man >/dev/null; then man -w genesys-rotator >/dev/null; fi

if command -v systemctl >/dev/null; then
  # This also checks that the programs exist.
  systemd-analyze verify genesys-rotator.service genesys-rotator.timer
  systemctl enable genesys-rotator.timer 2>/dev/null
fi
echo 'SECRETS=vault:secret/mine' >$settings/environment
install -m 0600 /dev/null $settings/secret-id
install -d -m 0700 /var/lib/genesys-rotator
said=$(upgrade_package)
case $said in *'systemctl enable'*) fail 'the upgrade repeats the message of the installation' ;; esac
grep -q mine $settings/environment || fail 'the upgrade replaces the environment'
if command -v systemctl >/dev/null; then [ -L $link ] || fail 'the upgrade disables the timer'; fi

said=$(remove_package 2>&1)
[ ! -L $link ] || fail 'the removal leaves the timer enabled'
[ ! -e /usr/bin/genesys-rotator ] || fail 'the removal leaves the program'
[ "$kind" != deb ] || said=$said$(dpkg --purge genesys-rotator 2>&1)
for path in $settings/secret-id /var/lib/genesys-rotator; do
  [ -e "$path" ] || fail "the removal deletes $path"
  case $said in *"$path is kept"*) ;; *) fail "the removal does not name $path: $said" ;; esac
done
