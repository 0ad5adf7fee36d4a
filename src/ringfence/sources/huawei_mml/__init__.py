"""Huawei man-machine language (MML): scripts and exports of configuration, and saved answers.

Read are the files that base stations, base station controllers and their manager export
(`CFGMML-*.txt`, `MML script file`), scripts of commands, and logs of answers to `LST` and `DSP`.
Both generations of the transport commands are known: `DEVIP`, `IPRT`, `VLANMAP`, `SCTPLNK` and
`INTERFACE`, `IPADDR4`, `IPROUTE4`, `SCTPHOST`.

Which equipment a command is for is said by the answer, by `{NE}` after it, or by the file: the name
it gives its equipment, the number of the controller, the name of a function, and last the file's
own name. A script that was written to change a network looks like an export of one; it is read as
what it says, so give only exports, or scripts that have been run.

A file states its maker where it has the head or the function commands that only Huawei's own
equipment writes; else the maker is not stated.
"""

from ringfence.sources.huawei_mml.source import HuaweiMml

__all__ = ["HuaweiMml"]
