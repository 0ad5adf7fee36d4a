"""Small made-up configurations in each language of routers and firewalls."""

VRP = """!Software Version V800R011C00SPC100
#
sysname wald-1
#
ip vpn-instance OAM
 ipv4-family
  route-distinguisher 100:1
#
acl number 3000
 rule 10 deny ip
 rule 5 permit tcp source 10.0.0.0 0.0.0.255 destination 10.1.0.1 0 destination-port eq 22
acl number 3001
 rule 5 deny tcp destination-port range 20 23
acl number 2000
 rule 5 permit source 10.9.0.0 0.0.0.255
#
interface GigabitEthernet0/0/1
 undo shutdown
 ip binding vpn-instance OAM
 ip address 10.0.0.1 255.255.255.252
 traffic-filter inbound acl 3000
 traffic-filter outbound acl 3001
#
interface Vlanif20
 ip address 10.2.0.1 24
 vrrp vrid 1 virtual-ip 10.2.0.254
#
interface MEth0/0/0
 shutdown
#
interface GigabitEthernet0/0/2
 port link-type trunk
 port trunk allow-pass vlan 20 30 to 31
#
ip route-static 0.0.0.0 0 10.0.0.2
ip route-static vpn-instance OAM 10.5.0.0 255.255.0.0 GigabitEthernet0/0/1 10.0.0.2 preference 80
ip route-static 10.6.0.0 16 NULL0
stelnet server enable
telnet server enable
#
user-interface vty 0 4
 acl 2000 inbound
 protocol inbound ssh
#
return
"""

CLASSIC = """# TiMOS-B-16.0.R4 both/x86_64 Nokia 7750 SR Copyright (c) 2000-2018 Nokia.
exit all
configure
#--------------------------------------------------
echo "System Configuration"
#--------------------------------------------------
    system
        name "pe1"
    exit
    filter
        ip-filter 10 create
            default-action forward
            entry 20 create
                action
                    drop
                exit
            exit
            entry 10 create
                match protocol tcp
                    dst-port eq 22
                    src-ip 10.0.0.0/8
                exit
                action
                    forward
                exit
            exit
            entry 5 create
                match protocol udp
                exit
            exit
        exit
    exit
    router Base
        interface "to-p1"
            address 10.0.0.1/30
            port 1/1/1
            ingress
                filter ip 10
            exit
            no shutdown
        exit
        static-route-entry 0.0.0.0/0
            next-hop 10.0.0.2
                no shutdown
            exit
        exit
    exit
    service
        vprn 100 name "red" customer 1 create
            interface "cust" create
                address 192.168.1.1/24
                shutdown
                sap 1/1/2:100 create
                    egress
                        filter ip 99
                    exit
                exit
            exit
        exit
    exit
exit all
"""

MD_CLI = """configure {
    system {
        name "pe1"
    }
    filter {
        ip-filter "10" {
            default-action accept
            entry 20 {
                action {
                    drop
                }
            }
            entry 10 {
                match {
                    protocol tcp
                    src-ip {
                        address 10.0.0.0/8
                    }
                    dst-port {
                        eq 22
                    }
                }
                action {
                    accept
                }
            }
            entry 5 {
                match {
                    protocol udp
                }
            }
        }
    }
    router "Base" {
        interface "to-p1" {
            port 1/1/1
            ingress {
                filter {
                    ip "10"
                }
            }
            ipv4 {
                primary {
                    address 10.0.0.1
                    prefix-length 30
                }
            }
        }
        static-routes {
            route 0.0.0.0/0 route-type unicast {
                next-hop "10.0.0.2" {
                    admin-state enable
                }
            }
        }
    }
    service {
        vprn "red" {
            interface "cust" {
                admin-state disable
                ipv4 {
                    primary {
                        address 192.168.1.1
                        prefix-length 24
                    }
                }
                sap 1/1/2:100 {
                    egress {
                        filter {
                            ip "99"
                        }
                    }
                }
            }
        }
    }
}
"""

JUNOS = """## Last commit: 2024-01-01 10:00:00 UTC by someone
version 20.4R3.8;
groups {
    common {
        system { services { telnet; } }
        interfaces { <ge-*> { unit <*> { family inet { filter { input EDGE; } } } } }
    }
}
apply-groups common;
system {
    host-name fw1;
    services { ssh; netconf { ssh; } }
    root-authentication { encrypted-password "$6$secret"; ## SECRET-DATA
    }
}
interfaces {
    ge-0/0/0 { unit 0 { family inet { address 10.0.0.1/24; } } }
    inactive: ge-0/0/1 { unit 0 { family inet { address 10.0.1.1/24; } } }
    ge-0/0/2 { disable; unit 0 { family inet { address 10.0.2.1/24; } } }
    lo0 { unit 0 { family inet { filter { input RE; } address 192.0.2.1/32; } } }
}
firewall {
    family inet {
        filter EDGE {
            term counting { then { count all; next term; } }
            term a {
                from {
                    source-address { 10.0.0.0/8; 10.1.0.0/16 except; }
                    protocol [ tcp udp ];
                    port [ ssh 100-200 ];
                }
                then { count c; discard; }
            }
            term b { from { protocol icmp; icmp-type echo-request; } then accept; }
            term c { from { protocol tcp; } }
        }
        filter RE {
            term ssh {
                from { source-prefix-list { MANAGERS; } protocol tcp; destination-port ssh; }
                then accept;
            }
        }
    }
}
policy-options { prefix-list MANAGERS { 10.9.0.0/24; } }
"""

ZONES = """set version 20.4R3.8
set system host-name fw2
set interfaces ge-0/0/0 unit 0 family inet address 10.0.0.1/24
set interfaces ge-0/0/1 unit 0 family inet address 10.0.1.1/24
set security zones security-zone trust interfaces ge-0/0/0.0
set security zones security-zone trust host-inbound-traffic system-services ssh
set security zones security-zone dmz interfaces ge-0/0/1.0
set security address-book global address web 10.0.1.10/32
set security address-book global address-set servers address web
set security policies from-zone trust to-zone dmz policy p1 match source-address any
set security policies from-zone trust to-zone dmz policy p1 match destination-address servers
set security policies from-zone trust to-zone dmz policy p1 match application junos-https
set security policies from-zone trust to-zone dmz policy p1 match application own
set security policies from-zone trust to-zone dmz policy p1 then permit
set applications application own protocol tcp
set applications application own destination-port 8080-8081
"""

FORTIOS = """#config-version=FG100E-7.0.5-FW-build0304-220208:opmode=0:vdom=0:user=admin
config system global
    set hostname "wall"
    set admin-sport 8443
end
config system interface
    edit "lan"
        set ip 10.0.0.1 255.255.255.0
        set allowaccess ping https ssh
    next
    edit "dmz"
        set ip 10.0.1.1 255.255.255.0
        set status down
    next
    edit "mgmt"
        set ip 10.0.9.1 255.255.255.0
        set dedicated-to management
    next
end
config firewall address
    edit "all"
    next
    edit "web"
        set subnet 10.0.1.10 255.255.255.255
    next
    edit "odd"
        set type fqdn
        set fqdn "server.example"
    next
end
config firewall addrgrp
    edit "servers"
        set member "web"
    next
end
config firewall service custom
    edit "HTTPS"
        set tcp-portrange 443
    next
    edit "HIGH"
        set tcp-portrange 8000-8100:1024-65535
        set udp-portrange 8000
    next
end
config firewall policy
    edit 7
        set srcintf "lan"
        set dstintf "dmz"
        set srcaddr "all"
        set dstaddr "servers"
        set action accept
        set schedule "always"
        set service "HTTPS" "HIGH"
        set nat enable
    next
    edit 8
        set srcintf "lan"
        set dstintf "dmz"
        set srcaddr "web"
        set srcaddr-negate enable
        set dstaddr "all"
        set schedule "always"
        set service "HTTPS"
    next
    edit 9
        set srcintf "lan"
        set dstintf "any"
        set srcaddr "odd"
        set dstaddr "all"
        set action accept
        set schedule "always"
        set service "ALL"
    next
    edit 10
        set status disable
        set srcintf "dmz"
        set dstintf "lan"
        set srcaddr "all"
        set dstaddr "all"
        set action accept
        set schedule "always"
        set service "ALL"
    next
end
config firewall vip
    edit "shown"
        set extip 198.51.100.7
        set mappedip "10.0.1.10"
        set extintf "lan"
        set portforward enable
        set extport 443
        set mappedport 8443
    next
end
config router static
    edit 1
        set gateway 10.0.0.254
        set device "lan"
        set distance 5
    next
    edit 2
        set dst 10.7.0.0 255.255.0.0
        set blackhole enable
    next
end
config system replacemsg admin "banner"
    set buffer "first line
config firewall policy
still the text"
end
"""

IOS_XR = """!! IOS XR Configuration version = 7.3.2
hostname core9
ipv4 access-list EDGE
 10 permit tcp 10.0.0.0/8 any eq ssh
 20 permit ipv4 net-group MANAGERS any
!
object-group network ipv4 MANAGERS
 10.9.0.0/24
!
interface MgmtEth0/RP0/CPU0/0
 shutdown
!
interface HundredGigE0/0/0/1
 vrf red
 ipv4 address 10.0.0.1 255.255.255.0
 ipv4 access-group EDGE ingress
!
router static
 address-family ipv4 unicast
  10.5.0.0/16 10.0.0.2 200
 !
 vrf red
  address-family ipv4 unicast
   0.0.0.0/0 HundredGigE0/0/0/1 10.0.0.3
!
ssh server v2
netconf-yang agent
 ssh
!
line default
 access-class ingress VTY
!
end
"""

NX_OS = """!Command: show running-config
version 9.3(5) Bios:version
hostname leaf1
vdc leaf1 id 1
feature telnet
object-group ip address SERVERS
  10 host 10.1.0.1
  20 10.2.0.0/16
object-group ip port WEB
  10 eq 80
  20 range 8000 8010
ip access-list EDGE
  10 permit tcp any addrgroup SERVERS portgroup WEB
  statistics per-entry
vlan 1,10,20-21
vrf context red
  ip route 10.5.0.0/16 10.0.0.9
interface Vlan10
  no shutdown
  vrf member red
  ip address 10.0.0.1/24
  ip access-group EDGE in
interface Ethernet1/1
  switchport mode trunk
  switchport trunk allowed vlan 10,20-30
interface Ethernet1/2
  no switchport
  ip address 10.0.5.1/24
interface mgmt0
  vrf member management
"""

IOS_MORE = """version 15.2
hostname pe7
ip vrf red
 rd 1:1
banner motd ^C
interface Fake0
 ip address 10.66.66.1 255.255.255.0
^C
interface GigabitEthernet0/0
 ip vrf forwarding red
 ip address 10.0.0.1 255.255.255.0
 ip nat outside
interface GigabitEthernet0/1
 ip address 169.254.7.1 255.255.255.0
 zone-member security inside
interface GigabitEthernet0/2
 ip address 10.2.0.1 255.255.255.0
 zone-member security outside
interface Loopback0
 ip address 192.0.2.7 255.255.255.255
access-list 7 permit 10.8.0.0 0.0.255.255
ip nat inside source list 7 interface GigabitEthernet0/0 overload
ip nat inside source static tcp 10.8.0.5 80 198.51.100.5 8080
zone-pair security OUT source inside destination outside
 service-policy type inspect POLICY
ip route 10.5.0.0 255.255.0.0 Null0
ip route vrf red 0.0.0.0 0.0.0.0 10.0.0.9 250 name way out
ip route 10.6.0.0 255.255.0.0 GigabitEthernet0/2 10.2.0.9
ip http server
ip http authentication local
snmp-server community hidden RO 7
username someone secret 5 $1$abc
router bgp 65000
 neighbor 10.0.0.9 remote-as 65001
line vty 0 4
 no login
 transport input telnet
end
"""


def flattened(text: str) -> str:
    """The same statements as one path a line, as `info flat` writes them."""
    lines, path = [], []
    for line in text.splitlines():
        words = line.strip()
        if words.endswith("{"):
            path.append(words[:-1].strip())
        elif words == "}":
            path.pop()
        elif words:
            lines.append("/" + " ".join([*path, words]))
    return "\n".join(lines) + "\n"
