"""Build what installs the platform: Helm, the cluster's API, this site's values."""

from hitscanner.infra.helm import HelmProgram, find_helm
from hitscanner.infra.kube import KubeApi
from hitscanner.platform.images import read_images
from hitscanner.platform.installer import Charts, Installer
from hitscanner.platform.releases import choose, parse_releases
from hitscanner.platform.site import Site
from hitscanner.settings import Settings, helm_environment
from hitscanner.wiring import pipeline, ssh_key


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
