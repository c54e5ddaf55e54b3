"""Web servers."""

from __future__ import annotations

import grp
import os
import pwd
import resource
import sys
from pathlib import Path

from tests.bench.part import Start
from tests.bench.peers.scripts import CGI, scripts
from tests.bench.peers.site import certificate, documents
from tests.bench.processes import Server, free_port, launch, program

NGINX = """\
daemon off;
user {user} {group};
pid nginx.pid;
error_log nginx.log;
worker_processes 1;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; multi_accept on; }}
http {{
  access_log {access_log};
  default_type text/html;
  {sending}
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  {cache}
  ssl_certificate {chain};
  ssl_certificate_key {key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:sessions:10m;
  ssl_session_tickets on;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{tcp} {http2} backlog=4096;
    listen 127.0.0.1:{tls} ssl {http2} backlog=4096;
    root {site};
  }}
}}
"""
NGINX_CACHE = "open_file_cache max=1000 inactive=60s; open_file_cache_valid 1s; open_file_cache_errors on;"
"""An open file is looked at again after a second, as ours is."""


NGINX_SENDFILE = "sendfile on; tcp_nopush on;"
"""As Debian has it. Best for what is large; a small document costs calls of the kernel that reading it does not."""


def nginx(*, cache: bool = True, access_log: bool = False, sendfile: bool = True, http2: bool = False) -> Start:
    """nginx with one worker; ``cache`` keeps files open as ours does, without it is Debian's way. With ``http2`` its
    clear port speaks nothing else."""

    def start(folder: Path) -> Server:
        path = program("nginx")
        chain, key = certificate(folder)
        ports = {"tcp": free_port(), "tls": free_port()}
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        text = NGINX.format(
            user=pwd.getpwuid(os.getuid()).pw_name,
            group=grp.getgrgid(os.getgid()).gr_name,
            files=files,
            connections=min(files, 20_000),
            access_log="access.log combined buffer=64k flush=1s" if access_log else "off",
            sending=NGINX_SENDFILE if sendfile else "sendfile off;",
            cache=NGINX_CACHE if cache else "",
            http2="http2" if http2 else "",
            chain=chain,
            key=key,
            site=documents(folder),
            **ports,
        )
        (folder / "nginx.conf").write_text(text)
        command = [path, "-p", str(folder), "-e", "nginx.log", "-c", str(folder / "nginx.conf")]
        return launch("nginx", command, folder, ports)

    return start


def nghttpd(transport: str) -> Start:
    """nghttp2's own server, on one transport."""

    def start(folder: Path) -> Server:
        path = program("nghttpd")
        chain, key = certificate(folder)
        ports = {transport: free_port()}
        command = [path, "--address=127.0.0.1", f"--htdocs={documents(folder)}"]
        command += (
            ["--no-tls", str(ports[transport])] if transport == "tcp" else [str(ports[transport]), str(key), str(chain)]
        )
        return launch("nghttpd", command, folder, ports)

    return start


LIGHTTPD = """\
server.document-root = "{site}"
server.bind = "127.0.0.1"
server.port = {tcp}
server.errorlog = "{folder}/lighttpd.log"
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = 600
server.max-fds = {files}
server.max-connections = {connections}
server.listen-backlog = 4096
server.stat-cache-engine = "simple"
mimetype.assign = ( ".html" => "text/html", "" => "application/octet-stream" )
"""
LIGHTTPD_CGI = """\
server.modules += ( "mod_cgi" )
$HTTP["url"] =~ "^{cgi}/" {{ cgi.assign = ( "" => "" ) }}
"""


def lighttpd(*, cgi: bool = False) -> Start:
    """lighttpd, which is one process and looks at a file again after a second or two; ``cgi`` with mod_cgi."""

    def start(folder: Path) -> Server:
        path = program("lighttpd")
        ports = {"tcp": free_port()}
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        text = LIGHTTPD.format(
            site=documents(folder), folder=folder, files=files, connections=min(files // 2, 10_000), **ports
        )
        if cgi:
            scripts(folder)
            text += LIGHTTPD_CGI.format(cgi=CGI)
        (folder / "lighttpd.conf").write_text(text)
        return launch("lighttpd", [path, "-D", "-f", str(folder / "lighttpd.conf")], folder, ports)

    return start


APACHE = """\
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule cgid_module {modules}/mod_cgid.so
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
ScriptSock {folder}/cgid.sock
DefaultRuntimeDir {folder}
ErrorLog {folder}/apache.log
User #{user}
Group #{group}
Listen 127.0.0.1:{tcp}
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 600
DocumentRoot {site}
ScriptAlias {cgi}/ {scripts}/
<Directory {site}>
  AllowOverride None
  Require all granted
</Directory>
"""


def apache() -> Start:
    """Apache with its event MPM, and mod_cgid, whose own daemon forks the scripts."""

    def start(folder: Path) -> Server:
        path = program("apache2")
        ports = {"tcp": free_port()}
        user, group = os.getuid(), os.getgid()
        if user == 0:  # whom it refuses to be
            nobody = pwd.getpwnam("nobody")
            user, group = nobody.pw_uid, nobody.pw_gid
            folder.parent.chmod(0o711)
        text = APACHE.format(
            modules="/usr/lib/apache2/modules",
            folder=folder,
            user=user,
            group=group,
            site=documents(folder),
            scripts=scripts(folder),
            cgi=CGI,
            **ports,
        )
        (folder / "apache.conf").write_text(text)
        return launch("Apache", [path, "-D", "FOREGROUND", "-f", str(folder / "apache.conf")], folder, ports)

    return start


def http_server() -> Start:
    """The standard library's ThreadingHTTPServer, with persistent connections."""

    def start(folder: Path) -> Server:
        ports = {"tcp": free_port()}
        site = str(documents(folder))
        command = [sys.executable, "-m", "http.server", "--protocol", "HTTP/1.1", "--bind", "127.0.0.1"]
        return launch("http.server", [*command, "--directory", site, str(ports["tcp"])], folder, ports)

    return start
