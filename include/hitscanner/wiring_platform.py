"""Build what installs the platform: Helm, the cluster's API, this site's values."""

from hitscanner import __version__
from hitscanner.errors import UsageError
from hitscanner.infra.harbor_api import HarborApi
from hitscanner.infra.helm import HelmProgram, find_helm
from hitscanner.infra.images import Buildah, Registry
from hitscanner.infra.kube import KubeApi
from hitscanner.infra.ssh import Keys, open_remote
from hitscanner.platform.harbor import HarborSite
from hitscanner.platform.images import read_images
from hitscanner.platform.installer import Charts, Installer
from hitscanner.platform.registry import Credentials, RegistryOffice
from hitscanner.platform.releases import choose, parse_releases
from hitscanner.platform.site import Site
from hitscanner.settings import Settings, helm_environment
from hitscanner.wiring import pipeline
from hitscanner.wiring_hosts import ssh_key


def installer(settings: Settings | None = None) -> Installer:
    """Build what installs this site's releases into its cluster."""
    settings = settings or Settings.from_environment()
    inventory = pipeline(settings).inventory()
    kubeconfig = settings.cluster / "kubeconfig"
    program = find_helm(settings.bundle)
    helm = HelmProgram(program, kubeconfig, helm_environment(settings))
    file = settings.repository / "helm" / "releases.toml"
    releases = parse_releases(file.read_text(), file.name)
    address = inventory.server.address if inventory.server else None
    return Installer(
        releases=choose(releases, inventory.platform),
        site=Site(inventory.platform, address or "127.0.0.1", read_images(settings.images)),
        charts=Charts(
            settings.repository,
            settings.bundle / "charts",
            settings.cluster / "charts",
            helm.pull,
        ),
        helm=helm,
        api=KubeApi(kubeconfig),
        lock=settings.cluster / "platform.lock",
        ssh_key=ssh_key(settings, inventory),
    )


def builder() -> Buildah:
    """Build what builds images."""
    return Buildah(Settings.from_environment().repository)


def build_arguments(base: str | None = None) -> dict[str, str]:
    """Give the build arguments: versions of `versions.env`, and another base where one is given."""
    file = Settings.from_environment().repository / "versions.env"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    pinned = dict(line.split("=", 1) for line in lines if "=" in line)
    given = {"BASE": base} if base else {}
    return {"UV_VERSION": pinned["UV_VERSION"], "VERSION": __version__, **given}


def registry(settings: Settings) -> Registry:
    """
    Say where images are pushed.

    Raises:
        UsageError: if the inventory names no registry.
    """
    platform = pipeline(settings).inventory().platform
    if platform.registry is None:
        raise UsageError('the inventory names no registry; add registry = "HOST" under [platform]')
    ca = settings.home / platform.registry_ca if platform.registry_ca else None
    authfile = settings.cluster / "registry-push.json"
    return Registry(platform.registry, authfile, ca)


def registry_office(settings: Settings | None = None) -> RegistryOffice:
    """
    Build what installs and checks the registry on its host.

    Raises:
        UsageError: if the inventory names no registry, or no host for it.
    """
    settings = settings or Settings.from_environment()
    inventory = pipeline(settings).inventory()
    where, name = registry(settings), inventory.platform.registry_host
    if name is None:
        raise UsageError(
            "the inventory names no host for the registry; add a [[bastion]] and registry_host "
            "under [platform], or use a registry that is there already"
        )
    host, keys = inventory.host(name), Keys(ssh_key(settings, inventory))
    live = f"/etc/letsencrypt/live/{where.host.partition(':')[0]}"
    found = sorted(settings.bundle.glob("harbor-offline-installer-*.tgz"))
    return RegistryOffice(
        open_host=lambda: open_remote(host, keys, inventory.host(host.jump) if host.jump else None),
        site=HarborSite(where.host, f"{live}/fullchain.pem", f"{live}/privkey.pem"),
        credentials=Credentials(
            where.host,
            settings.cluster / "registry-push.json",
            settings.home / (inventory.platform.registry_auth or "registry-pull.txt"),
        ),
        open_api=lambda password: HarborApi(
            f"https://{where.host}", password, str(where.ca) if where.ca else True
        ),
        installer=found[-1] if found else None,
    )
