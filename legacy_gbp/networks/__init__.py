"""Graphs that the package builds: networks as tables of layers, and builders that read them.

===================  ===================================================================
builder              the contract between a table and a builder
xtcav, vgg19         the tables
sequential           builder over variables; records the output of every layer
data_parallel        builder for training, one replica of the layers on every device
inference            builder over arrays, in few operations
keras_layout         builder with the scopes of Keras
weights              names, initial values and penalties of the trained weights
batch_norm           the batch normalisation of 2016
channel_moments      its mean and variance, in few passes over memory
strided_pool_conv    a convolution and its max-pooling in one
===================  ===================================================================
"""
