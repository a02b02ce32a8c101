# Images of your own: dmmix train CONFIG --data FOLDER fills in the folders and the classes.
_base_ = "./image_folder.py"

train_dataloader = dict(batch_size=32, drop_last=True, dataset=dict(scale=(0.3, 1.0)))
