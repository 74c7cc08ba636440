"""nginx as a reverse proxy that only relays: the same certificates, and a log of one JSON line per request."""

from pathlib import Path

from tests.bench.world import SERVER, World

TICKETS = "ssl_session_cache shared:tls:10m;"
"""As by default: two session tickets per handshake. With a client certificate, each costs a third of a handshake."""

NO_TICKETS = "ssl_session_cache off; ssl_session_tickets off; ssl_conf_command NumTickets 0;"
"""The fair comparison for a server that sends none."""


def nginx_config(world: World, directory: Path, port: int, upstream_port: int, *, tickets: str) -> str:
    """nginx.conf, with everything that is written inside `directory`."""
    return f"""\
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {directory}/pid;
error_log {directory}/error.log;
events {{ worker_connections 16000; }}
http {{
  log_format line escape=json '{{"time":"$time_iso8601","peer":"$remote_addr",'
    '"certificate":"$ssl_client_fingerprint","status":$status,"seconds":$request_time}}';
  access_log {directory}/access.log line;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  client_header_timeout 10s;
  client_body_timeout 10s;
  client_body_buffer_size 64k;
  keepalive_timeout 60s;
  keepalive_requests 100000;
  upstream inside {{ server 127.0.0.1:{upstream_port}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} ssl backlog=4096;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {world.certificate(SERVER)};
    ssl_certificate_key {world.key(SERVER)};
    ssl_client_certificate {world.trust};
    ssl_verify_client on;
    {tickets}
    location / {{
      proxy_pass https://inside;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host localhost;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {world.trust};
      proxy_ssl_name localhost;
      proxy_ssl_session_reuse on;
      proxy_buffer_size 16k;
      proxy_buffers 8 16k;
    }}
  }}
}}
"""


def write_configuration(world: World, directory: Path, port: int, upstream_port: int, *, tickets: str) -> Path:
    """Write nginx.conf, and return its path."""
    directory.mkdir(exist_ok=True)
    file = directory / "nginx.conf"
    file.write_text(nginx_config(world, directory, port, upstream_port, tickets=tickets))
    return file
