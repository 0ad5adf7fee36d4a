"""O-RAN TEIV: the topology exposure and inventory of the SMO, read as elements and their powers.

TEIV says which functions the RAN is made of, what manages them, which deployments and clusters they
run on and where appliances stand. Read are its CloudEvents (a file of one, a list, one after
another), the answers of its REST interface and dumps of its database, in the modules of 2024 and
2025. A file of any size is read in slices.

What stands for what, and where a choice was made:

- Every ManagedElement, RAN function, appliance, deployment, namespace and cluster is an element;
  its `role_name` is TEIV's type. A RAN function is an element of its own, which its ManagedElement
  manages: TEIV says so of that pair, and an element that nothing manages is to be seen as such.
- A function is what the entity type says (ODUFunction is GNBDU). Names give none.
- What serves a function, or what it is deployed on, `hosts` it: whoever holds the host holds it.
- O1 and A1 mean that the SMO manages; E2 that the near-RT RIC does; the management plane of the
  open fronthaul that the O-DU or SMO manages the O-RU, its synchronisation plane that the O-DU
  gives it time. F1, E1 and the fronthaul's other planes are links.
- Vendor and model are stated of a PhysicalAppliance alone. TEIV has no place for a ManagedElement's.
- A function that names one PLMN is run by the operator `operator/mcc-mnc`; with several it is
  shared, and nobody is said to run it.
- Cells, carriers, sectors and antennas have no place in the model: set aside, and counted.
- A later record adds to an earlier one of its id; a delete takes away what was before it in the
  file, the relationships of a deleted entity too. What it deletes of another file stays.
- The two sides of a relationship need not be in the file; TEIV makes them up, we do not.
"""

from ringfence.sources.teiv.source import Teiv

__all__ = ["Teiv"]
