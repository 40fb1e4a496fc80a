"""What is done to a GraphDef, one step a file. A graph becomes one that a rule reaches.

===================  ===================================================================
nodes                read and write NodeDefs
registry             the operations that this TensorFlow knows
traverse             the operations between two tensors
static_shapes        the shapes of its tensors, without running it
prune                keep what some nodes need
open_inputs          inputs that it computes become placeholders
float_input          a placeholder of integers becomes one of floating point
freeze               variables become constants
resolve_conditions   conditions with a constant predicate lose the other branch
idle_dropout         dropout that keeps everything becomes an identity
drop_attributes      attributes of a newer TensorFlow go, where they say nothing
default_attributes   attributes that a file leaves out get their defaults
cut_assignments      assignments become values, or nothing
inline               function calls become operations
unfuse               fused operations become the ones that they were made of
while_loops          the contexts without which loops cannot be differentiated
finite_constants     refuse NaN and Inf in weights
structure            refuse what is broken, or grows without bounds
trust                refuse operations that may reach outside of the graph
layers               the tensor of a layer
layout               which axis holds the channels
===================  ===================================================================

Who does not know a graph is told what it most likely begins and ends with:

===================  ===================================================================
suggested_ends       the likeliest input, logits and switches together
infer_endpoints      input and logits, as named or where there is no doubt
input_candidates     what could be the input
logit_candidates     what could be the logits, by what reads it
likeliest_logits     which of them are the logits
final_operations     softmax, sigmoid, ArgMax: stepped over
joint_heads          several results that are parts of one layer
loop_outputs         results of loops that a network does not go on with
flag_values          what to feed into a switch: dropout off, training off
flag_branches        which value of a flag trains
===================  ===================================================================

What operations do is in a table, which the audit of :mod:`legacy_gbp.rules` reads too:

====================  ==================================================================
operation_kinds       the classes: what an operation does to the image, what it reaches
operation_table       every operation that is known
nonlinear_operations  its rows of nonlinear operations, and of state in memory
====================  ==================================================================
"""
