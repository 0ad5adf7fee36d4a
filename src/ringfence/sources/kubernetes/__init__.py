"""Kubernetes manifests to network tables: one cluster from all files below one path.

Read are Pods and what makes them (Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob,
OpenShift's DeploymentConfig, Argo's Rollout), KubeVirt's VirtualMachine, Service, Ingress,
OpenShift's Route, ConfigMap and Secret (their names and plain files; nothing in base64), Namespace,
Node, NetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy, MultiNetworkPolicy, Multus
NetworkAttachmentDefinition, OVN-Kubernetes' UserDefinedNetwork and ClusterUserDefinedNetwork,
lists of them, and kustomizations as far as `kustomization.py` says. Other kinds are set aside.

**What the tables say of who may send to whom.** Whoever computes it can rely on this:

- An element is a workload; one with replicas is one element. A workload's `interface` rows are its
  feet; two may exchange packets where their segments are the same or have the same topmost
  `parent`, and neither segment has `isolates_members`. The host's network has the pod network as
  its parent: nodes and pods reach each other without translation in every cluster. A primary
  user-defined network has no parent: it is apart. Attachments on one interface or bridge of the
  nodes have the wire they are on as their parent, so that networks of different names on one wire
  are seen to be one. An interface whose `segment` is null has a foot nobody states where.
- At each workload's foot in its main network stand two boundaries, `in` and `out`, whether or not
  a policy is given; at a foot in an attachment only where a MultiNetworkPolicy selects it. A
  packet passes where the sender's `out` and the receiver's `in` let it. Lists are gone through by
  `tier`, then `position`; the first entry that allows or denies decides; `pass` goes on to the
  next tier; then `default_action`. Answers pass (`is_stateful`).
- An entry matches where all it states holds: `protocol`, `destination_ports`, the group or range
  of the other end. A group without members matches nobody. A range matches by the address of the
  other end's interface; whether it matches a workload whose address is not stated is not known,
  except that 0.0.0.0/0 and ::/0 match every address of their kind. Kubernetes' definition says
  that ranges are meant for what is outside the cluster.
- A named port is resolved for each destination; where no port has the name there is no entry.
- `is_understood` false: whether the entry matches is not known (fields nobody knows, workloads on
  the host's network, labels that are not stated). One without an `action` stands for a policy of
  another maker, whose rules are not read: what it does is not known. `is_certain` false:
  whether the element is in the group is not known.
- What is outside the cluster is in no group and has any address no interface has.
- Where an Ingress or Route leads to a given workload there is an element
  `.../ingress-controller`, for whatever serves them; it has a foot in the network of each such
  workload and a boundary `out` that lets it send to what Ingresses and Routes lead to, and to
  nothing else. It is a pod that is not given, in a namespace that is not given and holds nothing
  that is: in groups over all namespaces it is a certain member, in groups by labels not a certain
  one, in groups of one given namespace none.

The cluster itself is an element (`.../cluster`) that orchestrates every workload; it has an
endpoint for each NodePort. Nodes are elements where a manifest names them, and host what is
stated to run on them.
"""

from ringfence.sources.kubernetes.source import Kubernetes

__all__ = ["Kubernetes"]
