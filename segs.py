import sys; sys.path.insert(0,"/tmp/tlsb")
from run import *
def snmp():
    out={}
    for f in ("/proc/net/snmp","/proc/net/netstat"):
        L=open(f).read().split("\n")
        for a,b in zip(L[::2],L[1::2]):
            if a.startswith(("Tcp:","TcpExt:")): out.update(zip(a.split()[1:],map(int,b.split()[1:])))
    return out
cert=make_certificate(folder)
p,port=start("/work/helper-tls",True,cert)
load(port,True,32,1,1000)
a=snmp(); sec=load(port,True,32,1,30000); b=snmp()
print(sec,{k:(b[k]-a[k])/30000 for k in b if b[k]-a[k]>300})
for n in (32,):
    c0=cpu(p.pid)
    for i in range(20): load(port,True,32,1,32)
    c1=cpu(p.pid); print("cpu ms per connection+1 call", (c1[0]-c0[0])/640*1e3)
p.terminate()
