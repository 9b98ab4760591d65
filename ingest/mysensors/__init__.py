"""MySensors: gateways over TCP and serial, the controller that answers nodes, the rows that are stored."""
