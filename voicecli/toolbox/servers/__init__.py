"""Servers of tools, by the Model Context Protocol: the official package, loaded only where a server is configured.

Belongs here: a server as a Toolbox, its program or its address, starting and ending it. Does not belong here: which
servers there are (config), which of their tools a conversation is offered (toolbox.offer).
"""
