def take(store, epoch): pass
def refuse_zombie(store, epoch): pass
