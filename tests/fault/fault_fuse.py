#!/usr/bin/env python3
"""FUSE pass-through with injectable faults (mfusepy, pure Python + libfuse).
usage: fault_fuse.py ROOT MOUNT CONTROL.json
CONTROL.json is re-read when its mtime changes: a list of rules
 {"op":"write|open|create|fsync|fsyncdir|flush|release|rename|read|mkdir|unlink|statfs|*", "path":"regex",
  "errno":"EIO|ENOSPC|ESTALE|EROFS|EACCES|EDQUOT", "delay":sec, "hang":true, "short":0.5,
  "after":N (skip the first N matches), "times":M (then stop), "prob":p, "corrupt":true (read: flip a bit)}
Hang rules block until the rule disappears from CONTROL.json. Every hit is appended to CONTROL.json.log."""
import os,sys,json,re,errno,time,random,threading
import mfusepy as fuse
class Rules:
    def __init__(s,p): s.p=p; s.m=None; s.r=[]; s.lock=threading.Lock(); s.rng=random.Random(1); s.log=open(p+'.log','a',buffering=1)
    def load(s):
        try: st=os.stat(s.p); k=(st.st_mtime_ns,st.st_size,st.st_ino)
        except FileNotFoundError: s.r=[]; return
        if k!=s.m:
            try: s.r=[dict(x,_n=0,_h=0) for x in json.load(open(s.p))]; s.m=k
            except ValueError: pass
    def hit(s,op,path):
        with s.lock:
            s.load()
            for r in s.r:
                if r['op'] not in ('*',op) or not re.search(r.get('path','.*'),path): continue
                r['_n']+=1
                if r['_n']<=r.get('after',0) or r['_h']>=r.get('times',1<<60) or s.rng.random()>=r.get('prob',1.0): continue
                r['_h']+=1; s.log.write(f"{time.time():.3f} {op} {path} {r.get('errno') or ('hang' if r.get('hang') else r)}\n"); break
            else: return None
        if r.get('delay'): time.sleep(r['delay'])
        if r.get('hang'):
            while True:
                time.sleep(0.05)
                with s.lock:
                    s.load()
                    if not any(x.get('hang') for x in s.r): break
        if r.get('errno'): raise OSError(getattr(errno,r['errno']),'injected')
        return r
class FS(fuse.Operations):
    use_ns=True
    def __init__(s,root,rules): s.root=root; s.R=rules
    def p(s,x): return s.root+x
    def access(s,path,mode):
        if not os.access(s.p(path),mode): raise OSError(errno.EACCES,'')
        return 0
    def getattr(s,path,fh=None):
        s.R.hit('getattr',path); st=os.lstat(s.p(path))
        d={k:getattr(st,k) for k in ('st_mode','st_nlink','st_size','st_uid','st_gid','st_ino','st_dev','st_blocks')}
        d['st_atime']=st.st_atime_ns; d['st_mtime']=st.st_mtime_ns; d['st_ctime']=st.st_ctime_ns; return d
    def readdir(s,path,fh): s.R.hit('readdir',path); return ['.','..']+os.listdir(s.p(path))
    def statfs(s,path):
        s.R.hit('statfs',path); v=os.statvfs(s.p(path)); return {k:getattr(v,k) for k in ('f_bavail','f_bfree','f_blocks','f_bsize','f_favail','f_ffree','f_files','f_flag','f_frsize','f_namemax')}
    def open(s,path,flags): s.R.hit('open',path); return os.open(s.p(path),flags & ~os.O_CREAT)
    def create(s,path,mode,fi=None): s.R.hit('create',path); return os.open(s.p(path),os.O_RDWR|os.O_CREAT,mode)
    def read(s,path,n,off,fh):
        r=s.R.hit('read',path); b=os.pread(fh,n,off)
        if r and r.get('corrupt') and b: b=bytes([b[0]^1])+b[1:]
        return b
    def write(s,path,data,off,fh):
        r=s.R.hit('write',path)
        if r and r.get('short'): data=data[:max(1,int(len(data)*r['short']))]
        if r and r.get('corrupt') and data: data=bytes([data[0]^1])+data[1:]
        return os.pwrite(fh,data,off)
    def truncate(s,path,length,fh=None): s.R.hit('truncate',path); os.truncate(s.p(path),length); return 0
    def flush(s,path,fh): s.R.hit('flush',path); return 0
    def release(s,path,fh): os.close(fh); s.R.hit('release',path); return 0
    def fsync(s,path,ds,fh): s.R.hit('fsync',path); os.fsync(fh); return 0
    def fsyncdir(s,path,ds,fh): s.R.hit('fsyncdir',path); return 0
    def rename(s,old,new): s.R.hit('rename',new); os.rename(s.p(old),s.p(new)); return 0
    def unlink(s,path): s.R.hit('unlink',path); os.unlink(s.p(path)); return 0
    def mkdir(s,path,mode): s.R.hit('mkdir',path); os.mkdir(s.p(path),mode); return 0
    def rmdir(s,path): os.rmdir(s.p(path)); return 0
    def chmod(s,path,mode): os.chmod(s.p(path),mode); return 0
    def chown(s,path,u,g): os.chown(s.p(path),u,g); return 0
    def utimens(s,path,times=None): os.utime(s.p(path),ns=times); return 0
    def link(s,target,source):
        if os.environ.get('FAULT_LINKS')!='1': raise OSError(errno.EPERM,'as vfat and most FUSE file systems answer')
        os.link(s.p(source),s.p(target)); return 0
    def symlink(s,target,source): os.symlink(source,s.p(target)); return 0
    def readlink(s,path): return os.readlink(s.p(path))
if __name__=='__main__':
    root,mnt,ctl=sys.argv[1:4]
    fuse.FUSE(FS(os.path.realpath(root),Rules(ctl)),mnt,foreground=True,nothreads=False,allow_other=True,default_permissions=True,**({'fsname':'fault'}))
