"""Configurations of routers, switches and firewalls, as their own systems write them.

Found by their language, whoever made the device: the IOS family (`ios`), Junos (`junos`), SR OS
(`sros`), VRP (`vrp`) and FortiOS (`fortios`). Each dialect makes a `Device` of what is written
(`device`), of rule lists by their entries (`entries`); the tables are made once (`rows`). Lines are
split here because no library gives them with their numbers: see decision 12.

- The maker is the one whose system the file proves by what only that system writes. Many systems
  speak like IOS, and a file without such a mark has no maker.
- A device that the configuration does not name has the file's name in its key.
- A configuration says what was told to a device: whether a cable is in, what other routers announce
  and what is on unless turned off are not in it.
"""

from ringfence.sources.router_configuration.source import RouterConfiguration

__all__ = ["RouterConfiguration"]
