import time
import unittest

from harness import OTHER, OWNER, EndpointTest, block


class ImageTest(EndpointTest):
    def setUp(self):
        super().setUp()
        self.ec2 = self.client('ec2')

    def find(self, image, **params):
        return self.ec2.describe_images(ImageIds=[image], **params)['Images'][0]

    def test_what_is_registered_is_described(self):
        snapshot = self.snapshot({0: block('a')})
        image = self.image(snapshot, EnaSupport=True, BootMode='uefi', TpmSupport='v2.0', ImdsSupport='v2.0',
                           Description='a "b" <c> & ü', BlockDeviceMappings=[
                               {'DeviceName': '/dev/xvda', 'Ebs': {'SnapshotId': snapshot, 'VolumeType': 'gp3',
                                                                   'VolumeSize': 8}},
                               {'DeviceName': '/dev/xvdb', 'Ebs': {'VolumeSize': 4, 'DeleteOnTermination': False}}])
        found = self.find(image)
        self.assertEqual((found['BootMode'], found['TpmSupport'], found['ImdsSupport'], found['Description']),
                         ('uefi', 'v2.0', 'v2.0', 'a "b" <c> & ü'))
        self.assertEqual(found['BlockDeviceMappings'][0]['Ebs'], {
            'SnapshotId': snapshot, 'VolumeType': 'gp3', 'VolumeSize': 8, 'DeleteOnTermination': True,
            'Encrypted': False, 'Iops': 3000, 'Throughput': 125})
        self.assertFalse(found['BlockDeviceMappings'][1]['Ebs']['DeleteOnTermination'])

    def test_a_name_is_taken_once_per_account_and_region(self):
        snapshot = self.snapshot({})
        image = self.image(snapshot, 'os-1.0')
        with self.refused('InvalidAMIName.Duplicate', 400) as refused:
            self.image(snapshot, 'os-1.0')
        self.assertEqual(refused.response['Error']['Message'],
                         f'AMI name os-1.0 is already in use by AMI {image}')
        self.image(self.snapshot({}, 'us-east-1'), 'os-1.0', 'us-east-1')
        self.ec2.deregister_image(ImageId=image)
        self.image(snapshot, 'os-1.0')

    def test_registration_is_checked(self):
        snapshot = self.snapshot({}, VolumeSize=2)
        pending = self.start()
        root = {'DeviceName': '/dev/xvda', 'Ebs': {'SnapshotId': snapshot}}
        cases = (
            ({'Name': 'ab'}, 'InvalidAMIName.Malformed'), ({'Name': 'a*c'}, 'InvalidAMIName.Malformed'),
            ({'Architecture': 'vax'}, 'InvalidParameterValue'), ({'BootMode': 'bios'}, 'InvalidParameterValue'),
            ({'TpmSupport': 'v2.0'}, 'InvalidParameterCombination'),
            ({'EnaSupport': True, 'VirtualizationType': 'paravirtual'}, 'InvalidParameterCombination'),
            ({'UefiData': 'x', 'BootMode': 'uefi'}, 'InvalidParameterValue'),
            ({'RootDeviceName': '/dev/sda1'}, 'InvalidBlockDeviceMapping'),
            ({'BlockDeviceMappings': [root, root]}, 'InvalidBlockDeviceMapping'),
            ({'BlockDeviceMappings': [{'DeviceName': '/dev/xvda', 'Ebs': {'SnapshotId': pending}}]}, 'IncorrectState'),
            ({'BlockDeviceMappings': [{'DeviceName': '/dev/xvda', 'Ebs': {'SnapshotId': 'snap-0123456789abcdef0'}}]},
             'InvalidSnapshot.NotFound'),
            ({'BlockDeviceMappings': [{**root, 'Ebs': {**root['Ebs'], 'VolumeSize': 1}}]}, 'InvalidBlockDeviceMapping'),
            ({'BlockDeviceMappings': [{**root, 'Ebs': {**root['Ebs'], 'Encrypted': True}}]},
             'InvalidBlockDeviceMapping'),
            ({'BlockDeviceMappings': [{**root, 'Ebs': {**root['Ebs'], 'Throughput': 200}}]},
             'InvalidParameterCombination'))
        for change, code in cases:
            with self.subTest(change), self.refused(code, 400):
                self.image(snapshot, **change)
        with self.refused('AuthFailure'):
            self.client('ec2', who=OTHER).register_image(
                Name='theirs', Architecture='x86_64', RootDeviceName='/dev/xvda', BlockDeviceMappings=[root])

    def test_what_the_models_of_2022_lack(self):
        snapshot = self.snapshot({})
        status, _, body = self.form('RegisterImage', {
            'Name': 'newer', 'Architecture': 'x86_64', 'VirtualizationType': 'hvm', 'RootDeviceName': '/dev/xvda',
            'BootMode': 'uefi-preferred', 'BlockDeviceMapping.1.DeviceName': '/dev/xvda',
            'BlockDeviceMapping.1.Ebs.SnapshotId': snapshot, 'TagSpecification.1.ResourceType': 'image',
            'TagSpecification.1.Tag.1.Key': 'a', 'TagSpecification.1.Tag.1.Value': 'b',
            'TagSpecification.2.ResourceType': 'snapshot', 'TagSpecification.2.Tag.1.Key': 'c'})
        self.assertEqual(status, 200, body)
        image = body.partition(b'<imageId>')[2].partition(b'<')[0].decode()
        self.assertEqual(self.find(image)['Tags'], [{'Key': 'a', 'Value': 'b'}])
        self.assertEqual(self.ec2.describe_snapshots(Filters=[{'Name': 'tag-key', 'Values': ['c']}])['Snapshots'][0][
            'SnapshotId'], snapshot)
        self.assertEqual(self.form('ModifyImageAttribute', {'ImageId': image, 'ImdsSupport.Value': 'v2.0'})[0], 200)
        self.assertEqual(self.find(image)['ImdsSupport'], 'v2.0')
        self.assertEqual(self.form('EnableImageDeregistrationProtection', {'ImageId': image})[0], 200)
        with self.refused('OperationNotPermitted'):
            self.ec2.deregister_image(ImageId=image)
        self.assertEqual(self.form('DisableImageDeregistrationProtection', {'ImageId': image})[0], 200)
        self.assertEqual(self.form('DisableImage', {'ImageId': image})[0], 200)
        self.assertEqual(self.ec2.describe_images(Owners=['self'])['Images'], [])
        self.assertEqual(self.form('DeregisterImage', {'ImageId': image, 'DeleteAssociatedSnapshots': 'true'})[0], 200)
        with self.refused('InvalidSnapshot.NotFound'):
            self.ec2.describe_snapshots(SnapshotIds=[snapshot])

    def form(self, action, params):
        import urllib.parse
        body = urllib.parse.urlencode({'Action': action, 'Version': '2016-11-15', **params}).encode()
        return self.send_signed('ec2', 'POST', '/', {'Content-Type': 'application/x-www-form-urlencoded'}, body)

    def test_a_pending_image_cannot_be_changed(self):
        self.settings.image_available_after_describes = 2
        image = self.image(self.snapshot({}))
        with self.refused('InvalidAMIID.Unavailable'):
            self.ec2.modify_image_attribute(ImageId=image, Description={'Value': 'x'})
        self.assertEqual([self.find(image)['State'] for _ in range(3)], ['pending', 'pending', 'available'])
        self.ec2.modify_image_attribute(ImageId=image, Description={'Value': 'x'})
        self.assertEqual(self.find(image)['Description'], 'x')

    def test_launch_permissions(self):
        image = self.image(self.snapshot({}))
        organization = 'arn:aws:organizations::111122223333:organization/o-1234567890'
        self.ec2.modify_image_attribute(ImageId=image, LaunchPermission={
            'Add': [{'UserId': OTHER.account}, {'OrganizationArn': organization}]})
        self.ec2.modify_image_attribute(ImageId=image, Attribute='launchPermission', OperationType='add',
                                        UserIds=['777788889999'])
        self.ec2.modify_image_attribute(ImageId=image, LaunchPermission={'Remove': [{'UserId': '777788889999'}]})
        permissions = self.ec2.describe_image_attribute(ImageId=image, Attribute='launchPermission')
        self.assertEqual(permissions['LaunchPermissions'],
                         [{'UserId': OTHER.account}, {'OrganizationArn': organization}])
        self.assertEqual(len(self.client('ec2', who=OTHER).describe_images(Owners=[OWNER.account])['Images']), 1)
        with self.refused('AuthFailure'):
            self.client('ec2', who=OTHER).deregister_image(ImageId=image)
        for change, code in (
                ({'LaunchPermission': {'Add': [{'UserId': '1234'}]}}, 'InvalidAMIAttributeItemValue'),
                ({'LaunchPermission': {'Add': [{'Group': 'some'}]}}, 'InvalidParameterValue'),
                ({'LaunchPermission': {'Add': [{'UserId': OTHER.account}]}, 'Description': {'Value': 'x'}},
                 'InvalidParameterCombination'), ({}, 'InvalidParameterCombination')):
            with self.subTest(change), self.refused(code):
                self.ec2.modify_image_attribute(ImageId=image, **change)

    def test_public_images_and_the_block_on_them(self):
        image = self.image(self.snapshot({}))
        self.settings.block_public_images = True
        with self.refused('OperationNotPermitted'):
            self.ec2.modify_image_attribute(ImageId=image, LaunchPermission={'Add': [{'Group': 'all'}]})
        self.settings.block_public_images = False
        self.ec2.modify_image_attribute(ImageId=image, LaunchPermission={'Add': [{'Group': 'all'}]})
        self.assertTrue(self.find(image)['Public'])

    def test_deprecation(self):
        image = self.image(self.snapshot({}))
        self.ec2.enable_image_deprecation(ImageId=image, DeprecateAt=time.time() + 3600)
        self.assertIn('DeprecationTime', self.find(image))
        with self.refused('InvalidParameter'):
            self.ec2.enable_image_deprecation(ImageId=image, DeprecateAt=time.time() - 3600)
        self.ec2.disable_image_deprecation(ImageId=image)
        self.assertNotIn('DeprecationTime', self.find(image))

    def test_filters_and_pages(self):
        snapshot = self.snapshot({})
        images = [self.image(snapshot, f'os-{number}') for number in range(7)]
        self.ec2.create_tags(Resources=images[:2], Tags=[{'Key': 'k', 'Value': 'v'}])

        def names(*filters, **params):
            found = self.ec2.describe_images(Filters=[{'Name': name, 'Values': values} for name, values in filters],
                                             **params)
            return sorted(image['Name'] for image in found['Images'])
        self.assertEqual(names(('name', ['os-1', 'os-2'])), ['os-1', 'os-2'])
        self.assertEqual(len(names(('name', ['os-*']))), 7)
        self.assertEqual(names(('tag:k', ['v']), ('name', ['*1'])), ['os-1'])
        self.assertEqual(names(('block-device-mapping.snapshot-id', ['snap-0'])), [])
        self.assertEqual(names(Owners=[OTHER.account]), [])
        with self.refused('InvalidParameterValue'):
            names(('nmae', ['x']))
        self.settings.page_size = 3
        pages = list(self.ec2.get_paginator('describe_tags').paginate())
        self.assertEqual(sum(len(page['Tags']) for page in pages), 2)
        first = self.ec2.describe_snapshots(MaxResults=5)
        self.assertNotIn('NextToken', first)

    def test_pages_of_snapshots(self):
        names = sorted(self.snapshot({}) for _ in range(7))
        self.settings.page_size = 3
        pages = list(self.client('ec2').get_paginator('describe_snapshots').paginate())
        self.assertEqual([len(page['Snapshots']) for page in pages], [3, 3, 1])
        self.assertEqual(sorted(entry['SnapshotId'] for page in pages for entry in page['Snapshots']), names)
        with self.refused('InvalidParameterValue'):
            self.ec2.describe_snapshots(NextToken='AAAA')

    def test_snapshots_are_shared_and_deleted(self):
        snapshot = self.snapshot({0: block('a')})
        other = self.client('ec2', who=OTHER)
        with self.refused('InvalidSnapshot.NotFound'):
            other.describe_snapshots(SnapshotIds=[snapshot])
        self.ec2.modify_snapshot_attribute(SnapshotId=snapshot, Attribute='createVolumePermission', OperationType='add',
                                           UserIds=[OTHER.account])
        self.assertEqual(len(other.describe_snapshots(SnapshotIds=[snapshot])['Snapshots']), 1)
        found = self.ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute='createVolumePermission')
        self.assertEqual(found['CreateVolumePermissions'], [{'UserId': OTHER.account}])
        image = self.image(snapshot)
        with self.refused('InvalidSnapshot.InUse') as refused:
            self.ec2.delete_snapshot(SnapshotId=snapshot)
        self.assertIn(image, refused.response['Error']['Message'])
        self.ec2.deregister_image(ImageId=image)
        self.ec2.delete_snapshot(SnapshotId=snapshot)
        with self.refused('InvalidSnapshot.NotFound'):
            self.ec2.delete_snapshot(SnapshotId=snapshot)

    def test_launch_templates(self):
        image = self.image(self.snapshot({}))
        data = {'ImageId': image, 'InstanceType': 't3.micro'}
        template = self.ec2.create_launch_template(LaunchTemplateName='web', LaunchTemplateData=data,
                                                   ClientToken='t1')['LaunchTemplate']
        again = self.ec2.create_launch_template(LaunchTemplateName='web', LaunchTemplateData=data, ClientToken='t1')
        self.assertEqual(again['LaunchTemplate']['LaunchTemplateId'], template['LaunchTemplateId'])
        with self.refused('InvalidLaunchTemplateName.AlreadyExistsException'):
            self.ec2.create_launch_template(LaunchTemplateName='web', LaunchTemplateData=data)
        version = self.ec2.create_launch_template_version(
            LaunchTemplateName='web', SourceVersion='$Latest', LaunchTemplateData={'ImageId': 'ami-0123456789abcdef0'},
            VersionDescription='next', ClientToken='v2')
        self.assertIn('Warning', version)
        self.assertEqual(version['LaunchTemplateVersion']['LaunchTemplateData'],
                         {'ImageId': 'ami-0123456789abcdef0', 'InstanceType': 't3.micro'})
        self.assertEqual(self.ec2.create_launch_template_version(
            LaunchTemplateName='web', SourceVersion='$Latest', LaunchTemplateData={'ImageId': 'ami-0123456789abcdef0'},
            VersionDescription='next', ClientToken='v2')['LaunchTemplateVersion']['VersionNumber'], 2)
        self.ec2.modify_launch_template(LaunchTemplateName='web', DefaultVersion='2')
        found = self.ec2.describe_launch_template_versions(LaunchTemplateName='web', Versions=['$Default', '1'])
        self.assertEqual([entry['VersionNumber'] for entry in found['LaunchTemplateVersions']], [2, 1])
        with self.refused('InvalidLaunchTemplateId.VersionNotFound'):
            self.ec2.modify_launch_template(LaunchTemplateName='web', DefaultVersion='3')
        with self.refused('InvalidLaunchTemplateName.NotFoundException'):
            self.ec2.describe_launch_templates(LaunchTemplateNames=['wab'])

    def test_regions_and_dry_runs(self):
        names = [region['RegionName'] for region in self.ec2.describe_regions()['Regions']]
        self.assertIn('us-east-1', names)
        self.assertNotIn('cn-north-1', names)
        self.assertNotIn('eu-south-2', names)
        with self.refused('DryRunOperation', 412):
            self.ec2.describe_regions(DryRun=True)


if __name__ == '__main__':
    unittest.main()
