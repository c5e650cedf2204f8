"""Certificates for tests, made by the openssl program: an authority, what it signs, what is expired, not valid yet or revoked."""

import datetime
import pathlib
import subprocess

CONFIG = """[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
default_crl_days = 30
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")  # made in no time


def run(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Authority:
    """`Authority(folder).issue("dev1")`; files lie in the folder, as dev1.pem and dev1.key."""
    def __init__(self, folder, name="plant"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self.config = self.folder / "ca.cnf"
        self.config.write_text(CONFIG.format(folder=self.folder))
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial").write_text("1000\n")
        (self.folder / "crlnumber").write_text("01\n")
        run("req", "-x509", *NEW_KEY, "-nodes", "-subj", f"/CN={name}", "-keyout", self.folder / "ca.key", "-out", self.ca, "-days", 30)

    def issue(self, name, hosts="IP:127.0.0.1,DNS:localhost", starts_in_days=-1, days=30, stem=None):
        """Paths of certificate and key."""
        stem = stem or name
        key, request, certificate = (self.folder / f"{stem}.{end}" for end in ("key", "csr", "pem"))
        run("req", *NEW_KEY, "-nodes", "-subj", f"/CN={name}", "-addext", f"subjectAltName={hosts}", "-keyout", key, "-out", request)
        start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=starts_in_days)
        stamp = "%y%m%d%H%M%SZ"
        run("ca", "-batch", "-notext", "-config", self.config, "-in", request, "-out", certificate, "-startdate", start.strftime(stamp), "-enddate",
            (start + datetime.timedelta(days=days)).strftime(stamp))
        return certificate, key

    def below(self, folder, name):
        """An authority that this one has signed. What it issues goes with its own certificate behind it."""
        other = Authority(folder, name)
        request, extensions = other.folder / "ca.csr", other.folder / "ca.ext"
        extensions.write_text("basicConstraints = critical, CA:TRUE\n")
        run("req", "-new", "-key", other.folder / "ca.key", "-subj", f"/CN={name}", "-out", request)
        run("ca", "-batch", "-notext", "-config", self.config, "-extfile", extensions, "-in", request, "-out", other.ca, "-days", 30)
        return other

    def issue_chain(self, name):
        """As `issue`, with this authority's certificate behind."""
        certificate, key = self.issue(name)
        certificate.write_bytes(certificate.read_bytes() + self.ca.read_bytes())
        return certificate, key

    def revoke(self, *names):
        """Path of the list of all that are revoked."""
        for name in names:
            run("ca", "-config", self.config, "-revoke", self.folder / f"{name}.pem")
        run("ca", "-config", self.config, "-gencrl", "-out", self.folder / "revoked.pem")
        return self.folder / "revoked.pem"

    def options(self, name):
        """Of our commands."""
        return ["--tls-ca", self.ca, "--tls-cert", self.folder / f"{name}.pem", "--tls-key", self.folder / f"{name}.key"]

    def credentials(self, name):
        """Of grpc in Python."""
        import grpc
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), (self.folder / f"{name}.key").read_bytes(),
                                            (self.folder / f"{name}.pem").read_bytes())


def main():
    """For tests in other languages: FOLDER issue NAME [HOSTS [STARTS_IN_DAYS [DAYS [STEM]]]], FOLDER revoke NAME..."""
    import sys
    folder, what, *words = sys.argv[1:]
    if not (pathlib.Path(folder) / "ca.pem").exists():
        Authority(folder)
    authority = Authority.__new__(Authority)
    authority.folder = pathlib.Path(folder)
    authority.ca, authority.config = authority.folder / "ca.pem", authority.folder / "ca.cnf"
    if what == "revoke":
        authority.revoke(*words)
    else:
        name, hosts, starts, days, stem = [*words, *[None] * (5 - len(words))]
        authority.issue(name, hosts or "IP:127.0.0.1", int(starts or -1), int(days or 30), stem)


if __name__ == "__main__":
    main()
