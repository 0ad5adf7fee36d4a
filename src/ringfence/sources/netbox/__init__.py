"""NetBox to our tables: saved REST answers, `dumpdata` files and PostgreSQL dumps.

NetBox is read from files, never over the network: an operator hands over an export, its hash is
the first link of the evidence. NetBox 3 and 4 in full, 2.10 as far as it goes.

What stands for what, and where a choice was made:

- A tenant is an operator only where it owns a site, a device or a virtual machine: tenants may be
  customers. Our operator is who runs the equipment; NetBox knows nobody nearer to that.
- A device is an element, unless its status is planned or inventory: it is not in the network.
  Devices that are offline, failed, staged or being decommissioned are.
- A device's role is kept as a word and gives no function. NetBox has no notion of core or access,
  and a role called "core" is a name. Functions are read from custom fields named
  `network_function`, `nf_type` or `function`, and from tags written `network_function:UPF` (or
  with `=`), as their values stand.
- Custom fields named `installed_on`, `install_date`, `purchase_date`, `software_version` and
  `end_of_life` fill the element's columns. A platform names an operating system, no version. A
  value that cannot be used is counted as a record of its own, so that it is not lost quietly.
- An interface is a row for each thing it has a foot in: its address or untagged VLAN, each further
  address (`interface/7#ip/45`), each tagged VLAN (`interface/7#vlan/12`). Without an address, a
  VLAN or a VRF it has a foot in nothing and is set aside, unless it serves management only.
- A container prefix groups prefixes; nothing is on it, so it is no segment.
- A cable is followed through patch panels and circuits to the far device; see `paths`.
- Where a REST answer mentions a site, tenant, device type, VLAN or VRF without the file holding
  it, the mention becomes a row with what it says. A reference without a mention is kept as it is;
  `network.check` reports those that lead nowhere.

NetBox's own models declare no natural keys, so a dump made with `--natural-primary` still has the
numbers of all that is read here; only content types and tags lose theirs. Should a record have no
number, its slug or name is its key.
"""

from ringfence.sources.netbox.source import NetBox

__all__ = ["NetBox"]
