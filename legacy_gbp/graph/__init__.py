"""What is done to a GraphDef, one step a file. A graph becomes one that a rule reaches.

===================  ===================================================================
nodes                read and write NodeDefs
traverse             the operations between two tensors
prune                keep what some nodes need
freeze               variables become constants
resolve_conditions   conditions with a constant predicate lose the other branch
drop_attributes      attributes of a newer TensorFlow go, where they say nothing
cut_assignments      assignments become values, or nothing
inline               function calls become operations
unfuse               fused operations become the ones that they were made of
while_loops          the contexts without which loops cannot be differentiated
infer_endpoints      which tensors are the input and the logits
layers               the tensor of a layer
layout               which axis holds the channels
trust                refuse operations that reach outside of the graph
===================  ===================================================================
"""
